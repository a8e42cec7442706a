"""Words of the training text: names, nouns, verbs, adjectives and the small facts that go with them.

Everything here was written for this project. A table is a block of lines; `|` separates the columns.
"""

import definitions


def rows(block):
    return [tuple(c.strip() for c in line.split("|")) for line in block.strip().splitlines() if line.strip()]


def words(block):
    return [w.strip() for w in block.replace("\n", " ").split(",") if w.strip()]


GIRLS = words("""Anna, Bella, Clara, Daisy, Ella, Emma, Eva, Fiona, Grace, Hanna, Ida, Iris, Ivy, Jane, Julia, Kate, Lara, Lena,
Lily, Lisa, Lucy, Maria, Maya, Mia, Mina, Nina, Nora, Olga, Olivia, Paula, Pia, Rosa, Ruth, Sara, Sofia, Stella, Tara, Tina, Vera, Zoe,
Alice, Amy, Rachel, Molly, Polly, Sally, Wendy, Yara, Leila, Mei, Priya, Amina, Helen, Irene, Laura, Marta, Naomi, Petra, Sonia, Thea""")
BOYS = words("""Adam, Alex, Anton, Ben, Bruno, Carl, Daniel, David, Emil, Eric, Felix, Finn, Fred, George, Hugo, Ian, Ivan, Jack, Jacob,
James, Jan, John, Jonas, Karl, Kevin, Leo, Liam, Lucas, Mark, Martin, Max, Milo, Nick, Noah, Oliver, Oscar, Otto, Paul, Pedro, Peter,
Rob, Sam, Simon, Steve, Theo, Thomas, Tim, Toby, Tom, Victor, Walter, Will, Omar, Ali, Kenji, Ravi, Diego, Marco, Henry, Arthur""")
LAST_NAMES = words("""Baker, Bell, Brook, Brown, Carter, Cole, Cook, Dale, Fisher, Ford, Fox, Gray, Green, Hall, Hill, Hunt, King, Lake,
Lane, Long, Marsh, Miller, Moore, Park, Reed, Rice, Rose, Stone, Swan, Taylor, Wells, West, White, Wood, Young, Field, Frost, Winter""")

# name | plural | sound | legs | home | eats | young | class | size 1-9 | colours | can (f fly, s swim, c climb, r run fast, j jump) | note
ANIMALS = rows("""
dog | dogs | woof | 4 | a house | meat | puppy | mammal | 4 | brown,black,white | rs | likes to play and guards the house
cat | cats | meow | 4 | a house | fish | kitten | mammal | 3 | black,white,gray,orange | cjr | likes to sleep and catches mice
cow | cows | moo | 4 | a farm | grass | calf | mammal | 7 | brown,black,white | s | gives us milk
horse | horses | neigh | 4 | a stable | grass and hay | foal | mammal | 7 | brown,black,white | rjs | can carry a rider
pig | pigs | oink | 4 | a farm | corn and vegetables | piglet | mammal | 5 | pink | s | likes to roll in the mud
sheep | sheep | baa | 4 | a farm | grass | lamb | mammal | 5 | white | r | gives us wool
goat | goats | bleat | 4 | a farm | grass and leaves | kid | mammal | 5 | white,brown,gray | cj | can climb steep hills
donkey | donkeys | hee-haw | 4 | a farm | hay | foal | mammal | 6 | gray,brown | - | can carry heavy bags
hen | hens | cluck | 2 | a farm | seeds | chick | bird | 3 | brown,white | - | lays eggs
duck | ducks | quack | 2 | a pond | plants and small fish | duckling | bird | 3 | white,brown,green | fs | swims on the pond
goose | geese | honk | 2 | a lake | grass | gosling | bird | 4 | white,gray | fs | flies in big groups
mouse | mice | squeak | 4 | a hole | seeds and cheese | pup | mammal | 2 | gray,brown,white | cr | is small and quiet
rat | rats | squeak | 4 | a hole | seeds and scraps | pup | mammal | 2 | gray,black | cs | is clever
rabbit | rabbits | - | 4 | a burrow | grass and carrots | kit | mammal | 3 | white,gray,brown | jr | has long ears
squirrel | squirrels | - | 4 | a tree | nuts | kit | mammal | 2 | red,gray | cj | hides nuts for the winter
hedgehog | hedgehogs | - | 4 | a garden | insects | hoglet | mammal | 2 | brown | - | has sharp spines on its back
fox | foxes | bark | 4 | a den | mice and berries | cub | mammal | 4 | red,orange | rj | is known to be clever
wolf | wolves | howl | 4 | a forest | meat | pup | mammal | 5 | gray | rs | lives in a pack
bear | bears | growl | 4 | a cave | fish and berries | cub | mammal | 7 | brown,black | csr | sleeps through the winter
deer | deer | - | 4 | a forest | grass and leaves | fawn | mammal | 6 | brown | rjs | can run very fast
lion | lions | roar | 4 | the grassland | meat | cub | mammal | 7 | yellow,brown | r | is called the king of animals
tiger | tigers | roar | 4 | the jungle | meat | cub | mammal | 7 | orange | rsj | has black stripes
elephant | elephants | trumpet | 4 | the grassland | leaves and grass | calf | mammal | 9 | gray | s | has a long trunk
giraffe | giraffes | - | 4 | the grassland | leaves | calf | mammal | 9 | yellow,brown | r | has a very long neck
zebra | zebras | - | 4 | the grassland | grass | foal | mammal | 7 | black and white | r | has black and white stripes
monkey | monkeys | chatter | 2 | the jungle | fruit | infant | mammal | 4 | brown | cj | swings from tree to tree
camel | camels | grunt | 4 | the desert | dry plants | calf | mammal | 7 | brown | - | has a hump on its back
kangaroo | kangaroos | - | 2 | the grassland | grass | joey | mammal | 6 | brown,red | j | carries its baby in a pouch
whale | whales | sing | 0 | the sea | tiny sea animals | calf | mammal | 9 | blue,gray | s | is the biggest animal in the sea
dolphin | dolphins | click | 0 | the sea | fish | calf | mammal | 6 | gray | sj | is friendly and clever
seal | seals | bark | 0 | the sea | fish | pup | mammal | 6 | gray | s | rests on the rocks
bat | bats | squeak | 2 | a cave | insects | pup | mammal | 2 | black,brown | f | sleeps upside down
owl | owls | hoot | 2 | a tree | mice | owlet | bird | 3 | brown,white | f | can see well at night
eagle | eagles | screech | 2 | a mountain | small animals | eaglet | bird | 4 | brown | f | has very sharp eyes
crow | crows | caw | 2 | a tree | seeds and insects | chick | bird | 3 | black | f | likes shiny things
parrot | parrots | squawk | 2 | the jungle | fruit and seeds | chick | bird | 3 | green,red,blue | fc | can learn to say words
penguin | penguins | honk | 2 | the ice | fish | chick | bird | 4 | black and white | s | walks in a funny way
swan | swans | hiss | 2 | a lake | water plants | cygnet | bird | 5 | white | fs | has a long white neck
pigeon | pigeons | coo | 2 | a city | seeds | squab | bird | 3 | gray | f | can find its way home
sparrow | sparrows | chirp | 2 | a bush | seeds | chick | bird | 1 | brown | f | is a small bird
frog | frogs | croak | 4 | a pond | insects | tadpole | amphibian | 1 | green | sj | can jump far
snake | snakes | hiss | 0 | the grass | mice | hatchling | reptile | 3 | green,brown | s | has no legs
turtle | turtles | - | 4 | a pond | plants | hatchling | reptile | 3 | green | s | carries a hard shell
lizard | lizards | - | 4 | a sunny rock | insects | hatchling | reptile | 2 | green,gray | cr | likes to lie in the sun
crocodile | crocodiles | growl | 4 | a river | meat | hatchling | reptile | 7 | green | s | has many sharp teeth
fish | fish | - | 0 | the water | small plants | fry | fish | 2 | silver,orange | s | breathes under water
shark | sharks | - | 0 | the sea | fish | pup | fish | 7 | gray | s | has rows of sharp teeth
bee | bees | buzz | 6 | a hive | nectar | larva | insect | 1 | yellow and black | f | makes honey
butterfly | butterflies | - | 6 | a garden | nectar | caterpillar | insect | 1 | yellow,blue,white | f | has bright wings
ant | ants | - | 6 | an anthill | seeds and crumbs | larva | insect | 1 | black,red | c | works hard with other ants
fly | flies | buzz | 6 | a house | crumbs | maggot | insect | 1 | black | f | is small and fast
spider | spiders | - | 8 | a web | insects | spiderling | arachnid | 1 | black,brown | c | makes a web
snail | snails | - | 0 | a garden | leaves | baby snail | mollusk | 1 | brown | - | is very slow
crab | crabs | - | 10 | the beach | tiny sea animals | larva | crustacean | 2 | red | s | walks sideways
octopus | octopuses | - | 0 | the sea | crabs | larva | mollusk | 4 | red,purple | s | has eight arms
""")

# name | plural | colour | kind(fruit, vegetable) | taste
PRODUCE = rows("""
apple | apples | red | fruit | sweet
banana | bananas | yellow | fruit | sweet
orange | oranges | orange | fruit | sweet
lemon | lemons | yellow | fruit | sour
lime | limes | green | fruit | sour
pear | pears | green | fruit | sweet
plum | plums | purple | fruit | sweet
cherry | cherries | red | fruit | sweet
strawberry | strawberries | red | fruit | sweet
blueberry | blueberries | blue | fruit | sweet
raspberry | raspberries | red | fruit | sweet
grape | grapes | purple | fruit | sweet
peach | peaches | pink | fruit | sweet
melon | melons | green | fruit | sweet
pineapple | pineapples | yellow | fruit | sweet
mango | mangoes | orange | fruit | sweet
kiwi | kiwis | brown | fruit | sweet
coconut | coconuts | brown | fruit | sweet
carrot | carrots | orange | vegetable | sweet
potato | potatoes | brown | vegetable | mild
onion | onions | yellow | vegetable | sharp
cucumber | cucumbers | green | vegetable | fresh
cabbage | cabbages | green | vegetable | mild
pumpkin | pumpkins | orange | vegetable | sweet
bean | beans | green | vegetable | mild
pea | peas | green | vegetable | sweet
beet | beets | purple | vegetable | sweet
radish | radishes | red | vegetable | sharp
leek | leeks | green | vegetable | mild
turnip | turnips | white | vegetable | mild
pepper | peppers | red | vegetable | mild
mushroom | mushrooms | white | vegetable | mild
""")
DISHES = words("""bread, soup, rice, pasta, cake, pie, cheese, salad, pizza, porridge, stew, butter, jam, honey, pancakes, cookies,
sandwiches, noodles, pudding, toast, ice cream, chocolate, dumplings, omelet, popcorn""")
DRINKS = words("water, milk, tea, coffee, juice, lemonade, hot chocolate, apple juice, orange juice, cold water, mint tea")

# name | plural | use (after "used to" / "you use it to") | usual place | material | size 1-9
OBJECTS = rows("""
ball | balls | play games | the yard | rubber | 3
kite | kites | fly in the wind | the park | paper | 4
book | books | read stories | the library | paper | 3
pencil | pencils | write and draw | the desk | wood | 1
pen | pens | write | the desk | plastic | 1
ruler | rulers | measure things | the desk | wood | 2
brush | brushes | paint | the box | wood | 2
cup | cups | drink | the kitchen | glass | 2
plate | plates | eat food from | the kitchen | clay | 3
bowl | bowls | eat soup | the kitchen | clay | 3
spoon | spoons | eat soup | the kitchen | metal | 1
fork | forks | eat food | the kitchen | metal | 1
knife | knives | cut food | the kitchen | metal | 2
pot | pots | cook soup | the stove | metal | 4
pan | pans | fry eggs | the stove | metal | 3
oven | ovens | bake bread | the kitchen | metal | 6
lamp | lamps | light a room | the table | metal | 4
candle | candles | give light | the shelf | wax | 2
clock | clocks | tell the time | the wall | metal | 3
watch | watches | tell the time | the drawer | metal | 1
key | keys | open a door | the pocket | metal | 1
lock | locks | keep a door closed | the gate | metal | 2
door | doors | go in and out | the house | wood | 6
window | windows | let in light | the wall | glass | 5
chair | chairs | sit | the kitchen | wood | 5
table | tables | put things on | the kitchen | wood | 6
bed | beds | sleep | the bedroom | wood | 7
sofa | sofas | sit and rest | the living room | cloth | 7
pillow | pillows | rest your head | the bed | cloth | 3
blanket | blankets | keep warm | the bed | wool | 5
mirror | mirrors | see yourself | the wall | glass | 4
comb | combs | make hair neat | the shelf | plastic | 1
towel | towels | dry your hands | the bathroom | cloth | 4
bucket | buckets | carry water | the garden | metal | 4
broom | brooms | sweep the floor | the corner | wood | 5
ladder | ladders | climb up high | the shed | wood | 7
hammer | hammers | hit nails | the toolbox | metal | 3
saw | saws | cut wood | the toolbox | metal | 3
nail | nails | join pieces of wood | the toolbox | metal | 1
shovel | shovels | dig holes | the shed | metal | 5
rope | ropes | tie things | the boat | fiber | 4
basket | baskets | carry fruit | the market | straw | 4
bag | bags | carry things | the hall | cloth | 4
box | boxes | keep things in | the shelf | wood | 4
bottle | bottles | hold water | the kitchen | glass | 3
umbrella | umbrellas | stay dry in the rain | the hall | cloth | 4
hat | hats | keep the sun off your head | the hook | cloth | 3
coat | coats | keep warm | the hook | wool | 5
scarf | scarves | keep your neck warm | the drawer | wool | 3
shoe | shoes | walk | the hall | leather | 3
glove | gloves | keep your hands warm | the drawer | wool | 2
ring | rings | wear on a finger | the box | gold | 1
coin | coins | pay for things | the purse | metal | 1
drum | drums | make music | the music room | wood | 4
violin | violins | make music | the music room | wood | 4
piano | pianos | make music | the music room | wood | 7
guitar | guitars | make music | the music room | wood | 5
flute | flutes | make music | the music room | metal | 2
bell | bells | make a ringing sound | the door | metal | 3
doll | dolls | play | the toy box | cloth | 3
puzzle | puzzles | think and play | the shelf | paper | 3
robot | robots | do simple jobs | the workshop | metal | 4
map | maps | find the way | the bag | paper | 3
letter | letters | send news | the mailbox | paper | 1
camera | cameras | take pictures | the bag | metal | 3
telescope | telescopes | look at the stars | the roof | metal | 5
computer | computers | write, count and learn | the desk | metal | 5
phone | phones | talk to people far away | the pocket | glass | 2
radio | radios | hear music and news | the shelf | plastic | 3
bicycle | bicycles | ride along the road | the garage | metal | 6
car | cars | drive on the road | the garage | metal | 8
bus | buses | carry many people | the street | metal | 9
train | trains | travel on rails | the station | metal | 9
boat | boats | travel on water | the lake | wood | 7
ship | ships | cross the sea | the harbor | metal | 9
plane | planes | fly through the air | the airport | metal | 9
truck | trucks | carry heavy loads | the road | metal | 9
sled | sleds | slide on snow | the shed | wood | 5
tent | tents | sleep outside | the forest | cloth | 6
bridge | bridges | cross a river | the river | stone | 9
needle | needles | sew cloth | the sewing box | metal | 1
button | buttons | close a coat | the sewing box | plastic | 1
soap | bars of soap | wash your hands | the bathroom | fat | 1
lantern | lanterns | see in the dark | the shed | metal | 3
wheel | wheels | help things roll | the cart | wood | 4
magnet | magnets | pick up small metal things | the drawer | metal | 1
whistle | whistles | make a loud sound | the pocket | metal | 1
stamp | stamps | send a letter | the drawer | paper | 1
""")
TOYS = words("""ball, kite, doll, puzzle, drum, toy car, toy train, toy boat, teddy bear, robot, whistle, yo-yo, paper plane, spinning top,
wooden horse, music box, toy duck, jump rope""")
KEEPSAKES = words("""ring, key, coin, watch, scarf, hat, book, map, letter, bell, button, glove, basket, umbrella, lantern, flute, pencil,
notebook, necklace, bag, cup, camera, blanket, comb, stamp, whistle, ball, kite, doll, puzzle, drum, teddy bear, music box, toy boat""")

# job | plural | what the person does (third person)
JOBS = rows("""
baker | bakers | bakes bread and cakes | bakery
teacher | teachers | helps people learn | school
doctor | doctors | helps sick people get well | hospital
nurse | nurses | takes care of sick people | hospital
farmer | farmers | grows food and keeps animals | farm
cook | cooks | makes food for people | kitchen
driver | drivers | drives a bus or a truck | road
pilot | pilots | flies a plane | airport
sailor | sailors | works on a ship | harbor
fisherman | fishermen | catches fish | sea
painter | painters | paints pictures or walls | studio
singer | singers | sings songs for people | theater
dancer | dancers | dances on a stage | theater
writer | writers | writes books and stories | desk
carpenter | carpenters | makes things out of wood | workshop
builder | builders | builds houses | building site
gardener | gardeners | takes care of plants | garden
tailor | tailors | makes and mends clothes | shop
shoemaker | shoemakers | makes and mends shoes | shop
firefighter | firefighters | puts out fires | fire station
police officer | police officers | keeps people safe | police station
librarian | librarians | takes care of books and helps readers | library
mail carrier | mail carriers | brings letters and packages | post office
shopkeeper | shopkeepers | sells things in a shop | shop
dentist | dentists | takes care of teeth | clinic
vet | vets | helps sick animals | clinic
scientist | scientists | studies how the world works | laboratory
engineer | engineers | plans and builds machines | office
mechanic | mechanics | repairs cars and machines | garage
clockmaker | clockmakers | makes and repairs clocks | workshop
judge | judges | decides what is fair under the law | court
musician | musicians | plays music | concert hall
waiter | waiters | brings food to the table | restaurant
programmer | programmers | writes programs for computers | office
astronaut | astronauts | travels into space | space station
shepherd | shepherds | takes care of sheep | meadow
""")

# place with its preposition and article | noun | things you can see there
PLACES = rows("""
in the park | park | trees, benches, paths, children, pigeons
in the garden | garden | flowers, bees, vegetables, a fence, a bench
at the beach | beach | sand, shells, waves, crabs, boats
in the forest | forest | tall trees, moss, mushrooms, birds, deer
on the farm | farm | cows, hens, a barn, a tractor, fields
at the market | market | fruit, vegetables, baskets, bread, sellers
at school | school | desks, books, pupils, a teacher, a blackboard
in the library | library | books, shelves, readers, lamps, desks
in the kitchen | kitchen | pots, plates, a stove, cups, a table
in the village | village | small houses, a well, a church, a shop, a square
in the city | city | tall buildings, buses, shops, streets, lights
by the river | river | water, stones, fish, ducks, a bridge
by the lake | lake | water, swans, boats, reeds, fish
on the hill | hill | grass, wind, sheep, flowers, a windmill
in the mountains | mountains | rocks, snow, eagles, steep paths, goats
at the zoo | zoo | lions, monkeys, elephants, visitors, zebras
at the station | station | trains, travelers, suitcases, a clock, tickets
in the museum | museum | old pictures, statues, visitors, bones, maps
at the harbor | harbor | ships, ropes, sailors, gulls, nets
in the meadow | meadow | grass, flowers, butterflies, bees, sheep
at the playground | playground | swings, a slide, children, sand, a ladder
in the barn | barn | hay, horses, tools, cats, a ladder
in the shop | shop | shelves, boxes, toys, a counter, customers
in the workshop | workshop | tools, wood, nails, a saw, a bench
in the attic | attic | old boxes, dust, a trunk, spiders, old clothes
in the cave | cave | bats, stones, darkness, cold water, echoes
in the desert | desert | sand, hot sun, camels, rocks, dry plants
in the bakery | bakery | bread, cakes, flour, an oven, a counter
at the airport | airport | planes, travelers, suitcases, tickets, pilots
in the hospital | hospital | doctors, nurses, beds, medicine, patients
""")

# adjective | comparative | superlative | opposite
ADJECTIVES = rows("""
big | bigger | biggest | small
small | smaller | smallest | big
large | larger | largest | little
hot | hotter | hottest | cold
cold | colder | coldest | hot
warm | warmer | warmest | cool
fast | faster | fastest | slow
slow | slower | slowest | fast
tall | taller | tallest | short
short | shorter | shortest | long
long | longer | longest | short
old | older | oldest | young
young | younger | youngest | old
new | newer | newest | old
strong | stronger | strongest | weak
weak | weaker | weakest | strong
heavy | heavier | heaviest | light
light | lighter | lightest | heavy
loud | louder | loudest | quiet
quiet | quieter | quietest | loud
happy | happier | happiest | sad
sad | sadder | saddest | happy
rich | richer | richest | poor
poor | poorer | poorest | rich
hard | harder | hardest | soft
soft | softer | softest | hard
wet | wetter | wettest | dry
dry | drier | driest | wet
clean | cleaner | cleanest | dirty
dirty | dirtier | dirtiest | clean
full | fuller | fullest | empty
high | higher | highest | low
low | lower | lowest | high
deep | deeper | deepest | shallow
wide | wider | widest | narrow
narrow | narrower | narrowest | wide
thick | thicker | thickest | thin
thin | thinner | thinnest | thick
bright | brighter | brightest | dark
dark | darker | darkest | bright
easy | easier | easiest | difficult
good | better | best | bad
bad | worse | worst | good
near | nearer | nearest | far
far | farther | farthest | near
brave | braver | bravest | cowardly
kind | kinder | kindest | mean
smooth | smoother | smoothest | rough
rough | rougher | roughest | smooth
sharp | sharper | sharpest | blunt
sweet | sweeter | sweetest | sour
early | earlier | earliest | late
late | later | latest | early
cheap | cheaper | cheapest | expensive
safe | safer | safest | dangerous
""")
OTHER_OPPOSITES = rows("""
up | down
left | right
in | out
on | off
open | closed
day | night
yes | no
always | never
first | last
begin | end
start | stop
push | pull
buy | sell
give | take
love | hate
win | lose
laugh | cry
true | false
above | below
inside | outside
front | back
top | bottom
before | after
north | south
east | west
summer | winter
morning | evening
remember | forget
arrive | leave
question | answer
friend | enemy
alive | dead
asleep | awake
alone | together
more | less
everything | nothing
same | different
""")

# base | past | participle | object or phrase that fits (for sentences)
VERBS = rows("""
walk | walked | walked | to the park
run | ran | run | in the yard
eat | ate | eaten | an apple
drink | drank | drunk | some water
read | read | read | a book
write | wrote | written | a letter
sing | sang | sung | a song
dance | danced | danced | in the hall
play | played | played | with a ball
swim | swam | swum | in the lake
sleep | slept | slept | in a tent
cook | cooked | cooked | soup
bake | baked | baked | bread
clean | cleaned | cleaned | the room
wash | washed | washed | the dishes
build | built | built | a house
make | made | made | a kite
draw | drew | drawn | a picture
paint | painted | painted | the fence
buy | bought | bought | some fruit
sell | sold | sold | flowers
give | gave | given | a gift to a friend
take | took | taken | the bus
bring | brought | brought | a basket
carry | carried | carried | a heavy bag
find | found | found | a coin
lose | lost | lost | a key
see | saw | seen | a bird
hear | heard | heard | a strange sound
watch | watched | watched | the stars
help | helped | helped | an old man
visit | visited | visited | a friend
call | called | called | the doctor
open | opened | opened | the door
close | closed | closed | the window
climb | climbed | climbed | a tree
jump | jumped | jumped | over the fence
throw | threw | thrown | the ball
catch | caught | caught | a fish
ride | rode | ridden | a bicycle
drive | drove | driven | a car
fly | flew | flown | a kite
grow | grew | grown | vegetables
plant | planted | planted | a tree
cut | cut | cut | the rope
fix | fixed | fixed | the roof
break | broke | broken | a cup
teach | taught | taught | a class
learn | learned | learned | a new word
think | thought | thought | about the plan
speak | spoke | spoken | to the teacher
tell | told | told | a story
ask | asked | asked | a question
answer | answered | answered | the phone
win | won | won | the race
begin | began | begun | the work
finish | finished | finished | the work
sit | sat | sat | on the bench
stand | stood | stood | by the door
wait | waited | waited | for the train
go | went | gone | to school
come | came | come | to the party
leave | left | left | the house
send | sent | sent | a letter
wear | wore | worn | a red hat
forget | forgot | forgotten | the keys
feed | fed | fed | the ducks
hide | hid | hidden | the box
choose | chose | chosen | a color
keep | kept | kept | a secret
sweep | swept | swept | the floor
dig | dug | dug | a hole
push | pushed | pushed | the cart
pull | pulled | pulled | the rope
count | counted | counted | the stars
study | studied | studied | the map
laugh | laughed | laughed | at the joke
smile | smiled | smiled | at the baby
cry | cried | cried | at the movie
work | worked | worked | in the garden
travel | traveled | traveled | by train
cross | crossed | crossed | the bridge
follow | followed | followed | the path
hold | held | held | the lamp
shut | shut | shut | the gate
spend | spent | spent | the money
""")

COLORS = words("red, blue, green, yellow, orange, purple, pink, brown, black, white, gray, golden, silver")
DAYS = words("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")
MONTHS = words("January, February, March, April, May, June, July, August, September, October, November, December")
MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
SEASONS = words("spring, summer, autumn, winter")
PLANETS = words("Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus, Neptune")
LETTERS = list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
SHAPES = rows("triangle | 3\nsquare | 4\nrectangle | 4\npentagon | 5\nhexagon | 6\noctagon | 8")
FEELINGS = words("happy, sad, proud, tired, angry, scared, excited, lonely, worried, calm, surprised, curious, brave, shy, grateful, hungry")
WEATHER = words("sunny, rainy, windy, cloudy, snowy, foggy, stormy, warm, cold, hot")
FLOWERS = words("rose, tulip, daisy, lily, sunflower, violet, poppy, daffodil, orchid, carnation")
TREES = words("oak, pine, birch, maple, willow, apple tree, cherry tree, palm, beech, fir")
SPORTS = words("football, tennis, swimming, running, basketball, hockey, skiing, cycling, volleyball, boxing, rowing, golf")
INSTRUMENTS = words("piano, violin, guitar, flute, drum, trumpet, cello, harp, clarinet, accordion")
CLOTHES = words("hat, coat, scarf, shirt, dress, skirt, jacket, sweater, belt, cap, sock, shoe, glove, boot")
VEHICLES = words("car, bus, train, boat, ship, plane, truck, bicycle, tram, tractor, van, helicopter")
FURNITURE = words("chair, table, bed, sofa, desk, shelf, wardrobe, bench, stool, cupboard")
BODY = words("head, arm, leg, hand, foot, eye, ear, nose, mouth, knee, shoulder, finger, toe, neck, back")
TOOLS = words("hammer, saw, shovel, broom, ladder, rake, screwdriver, drill, axe, wrench")
METALS = words("iron, gold, silver, copper, tin, lead, zinc, steel")
SUBJECTS = words("math, history, music, art, science, geography, reading, writing, sports, biology")
ROOMS = words("kitchen, bedroom, bathroom, living room, hall, attic, cellar, study, dining room")
FAMILY = words("mother, father, sister, brother, grandmother, grandfather, aunt, uncle, cousin, son, daughter")
HOBBIES = words("reading, painting, cooking, gardening, fishing, dancing, singing, hiking, drawing, knitting, chess, cycling")
GAMES = words("chess, hide and seek, tag, checkers, cards, dominoes, marbles, hopscotch")
KITCHEN = words("pot, pan, spoon, fork, knife, plate, bowl, cup, oven, kettle")
SCHOOL_THINGS = words("pencil, pen, ruler, book, notebook, eraser, desk, blackboard, bag, map")
WATERS = words("sea, lake, river, pond, stream, ocean")
SKY = words("sun, moon, star, cloud, rainbow, planet, comet")

# country | capital | continent | language
COUNTRIES = rows("""
France | Paris | Europe | French
Germany | Berlin | Europe | German
Italy | Rome | Europe | Italian
Spain | Madrid | Europe | Spanish
Portugal | Lisbon | Europe | Portuguese
England | London | Europe | English
Scotland | Edinburgh | Europe | English
Ireland | Dublin | Europe | English
Norway | Oslo | Europe | Norwegian
Sweden | Stockholm | Europe | Swedish
Finland | Helsinki | Europe | Finnish
Denmark | Copenhagen | Europe | Danish
Poland | Warsaw | Europe | Polish
Austria | Vienna | Europe | German
Greece | Athens | Europe | Greek
Hungary | Budapest | Europe | Hungarian
Ukraine | Kyiv | Europe | Ukrainian
Russia | Moscow | Europe | Russian
Turkey | Ankara | Asia | Turkish
Japan | Tokyo | Asia | Japanese
China | Beijing | Asia | Chinese
South Korea | Seoul | Asia | Korean
India | New Delhi | Asia | Hindi
Thailand | Bangkok | Asia | Thai
Vietnam | Hanoi | Asia | Vietnamese
Indonesia | Jakarta | Asia | Indonesian
Egypt | Cairo | Africa | Arabic
Kenya | Nairobi | Africa | Swahili
Nigeria | Abuja | Africa | English
Ghana | Accra | Africa | English
Morocco | Rabat | Africa | Arabic
Canada | Ottawa | North America | English
the United States | Washington | North America | English
Mexico | Mexico City | North America | Spanish
Cuba | Havana | North America | Spanish
Brazil | Brasilia | South America | Portuguese
Argentina | Buenos Aires | South America | Spanish
Chile | Santiago | South America | Spanish
Peru | Lima | South America | Spanish
Colombia | Bogota | South America | Spanish
Australia | Canberra | Australia | English
""")
CONTINENTS = words("Europe, Asia, Africa, North America, South America, Australia, Antarctica")

DEFINITIONS = rows(definitions.DEFINITIONS)

RHYMES = [words(x) for x in """cat, hat, mat, rat, bat
dog, fog, log, frog
sun, fun, run, bun
moon, spoon, soon, noon
tree, bee, sea, key, free
day, play, way, say, may
night, light, bright, right, kite
star, car, far, jar
house, mouse
rain, train, plane, lane
ring, sing, king, wing, spring
book, cook, look, hook
ball, tall, wall, fall, small
bed, red, head, bread
boat, coat, goat, note
bear, chair, hair, pear
cake, lake, snake, make
fish, dish, wish
snow, go, grow, slow
sky, fly, high, try
sock, clock, rock, lock
nose, rose, toes
hill, mill, still
hand, sand, land, band
fox, box, socks, rocks""".splitlines()]

CATEGORIES = {
    "animals": words("dogs, cats, horses, cows, birds, lions, elephants, rabbits") + [a[1] for a in ANIMALS if a[1] not in ("dogs", "cats", "horses", "cows", "lions", "elephants", "rabbits")],
    "farm animals": words("cows, pigs, sheep, goats, hens, horses, donkeys, ducks"),
    "wild animals": words("lions, tigers, elephants, wolves, bears, foxes, giraffes, zebras, monkeys, crocodiles"),
    "birds": [a[1] for a in ANIMALS if a[7] == "bird"],
    "insects": words("bees, butterflies, ants, flies, beetles, moths"),
    "sea animals": words("whales, dolphins, seals, sharks, crabs, octopuses, fish"),
    "fruits": [p[1] for p in PRODUCE if p[3] == "fruit"],
    "vegetables": [p[1] for p in PRODUCE if p[3] == "vegetable"],
    "colors": words("red, blue, green, yellow, orange, purple, pink, brown, black, white, gray"),
    "days of the week": DAYS, "months": MONTHS, "seasons": SEASONS, "planets": PLANETS,
    "flowers": words("roses, tulips, daisies, lilies, sunflowers, violets, poppies, daffodils, orchids, carnations"),
    "trees": words("oaks, pines, birches, maples, willows, palms, beeches, firs"),
    "sports": SPORTS, "musical instruments": words("pianos, violins, guitars, flutes, drums, trumpets, cellos, harps, clarinets"),
    "clothes": words("hats, coats, scarves, shirts, dresses, skirts, jackets, sweaters, belts, socks, shoes, gloves"),
    "vehicles": words("cars, buses, trains, boats, ships, planes, trucks, bicycles, trams, tractors"),
    "pieces of furniture": words("chairs, tables, beds, sofas, desks, shelves, wardrobes, benches, stools"),
    "parts of the body": words("head, arms, legs, hands, feet, eyes, ears, nose, mouth, knees, shoulders, fingers"),
    "tools": words("hammers, saws, shovels, brooms, ladders, rakes, screwdrivers, drills, axes"),
    "metals": METALS, "school subjects": SUBJECTS, "rooms in a house": ROOMS, "family members": FAMILY,
    "hobbies": HOBBIES, "games": GAMES, "toys": words("balls, kites, dolls, puzzles, drums, toy cars, teddy bears, yo-yos, robots"),
    "drinks": words("water, milk, tea, coffee, juice, lemonade, hot chocolate"),
    "foods": words("bread, soup, rice, pasta, cake, cheese, salad, pizza, honey, noodles, porridge"),
    "shapes": words("circle, triangle, square, rectangle, pentagon, hexagon, oval, star"),
    "jobs": [j[0] for j in JOBS], "countries": [c[0] for c in COUNTRIES], "capitals": [c[1] for c in COUNTRIES],
    "continents": CONTINENTS, "countries in Europe": [c[0] for c in COUNTRIES if c[2] == "Europe"],
    "countries in Asia": [c[0] for c in COUNTRIES if c[2] == "Asia"], "feelings": FEELINGS,
    "things in a kitchen": words("pots, pans, spoons, forks, knives, plates, bowls, cups, an oven, a kettle"),
    "things in a school bag": words("pencils, pens, a ruler, books, a notebook, an eraser, a map"),
    "languages": sorted({c[3] for c in COUNTRIES}), "girls' names": GIRLS, "boys' names": BOYS,
    "animals that can fly": [a[1] for a in ANIMALS if "f" in a[10]],
    "animals with four legs": [a[1] for a in ANIMALS if a[3] == "4"],
    "red things": words("a rose, a cherry, a strawberry, a tomato, a fire truck, a ladybug"),
    "green things": words("grass, leaves, a frog, a lime, a cucumber, a pea"),
    "yellow things": words("a banana, a lemon, the sun, a sunflower, a chick"),
    "white things": words("snow, milk, a swan, salt, a cloud, paper"),
    "round things": words("a ball, a coin, a wheel, an orange, a plate, the moon"),
    "cold things": words("ice, snow, ice cream, winter wind, a glacier"),
    "hot things": words("fire, the sun, boiling water, a hot stove, lava"),
}
