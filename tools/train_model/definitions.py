"""Words and what they mean, in simple English."""

# word | meaning
DEFINITIONS = """
friend | a person you like and trust
family | a group of people who belong together, such as parents and children
school | a place where people learn
library | a place where many books are kept and lent
market | a place where people buy and sell things
hospital | a place where sick people get help
bakery | a shop where bread and cakes are made
farm | a place where food is grown and animals are kept
forest | a large place full of trees
desert | a very dry place with little rain
island | land with water all around it
mountain | a very high piece of land
river | a long stream of water that flows to a lake or the sea
lake | a large body of water with land around it
ocean | a very large body of salt water
valley | low land between hills or mountains
cave | a hollow place in the ground or in a rock
volcano | a mountain that can throw out hot melted rock
rain | water that falls from the clouds in drops
snow | frozen water that falls from the clouds as soft white flakes
ice | water that is frozen hard
cloud | many tiny drops of water that float in the sky
wind | air that moves
storm | bad weather with strong wind and rain
rainbow | a curve of colors in the sky when the sun shines on rain
sun | the star that gives the Earth light and warmth
moon | the large round body that moves around the Earth
star | a hot ball of gas that shines far away in space
planet | a large round body that moves around a star
season | one of the four parts of the year
week | a time of seven days
month | one of the twelve parts of a year
year | a time of twelve months
hour | a time of sixty minutes
minute | a time of sixty seconds
dictionary | a book that explains what words mean
map | a drawing that shows where places are
alphabet | the letters of a language in their order
noun | a word for a person, a place or a thing
verb | a word for something that you do
adjective | a word that describes a noun
sentence | a group of words that says something complete
story | a description of things that happen to someone, true or made up
poem | a short piece of writing that often has rhythm and rhyme
song | words that are sung to music
music | sounds that are put together in a pleasant way
picture | a drawing, a painting or a photograph
language | the words that people use to speak and write
number | a word or sign that says how many
circle | a perfectly round shape
triangle | a shape with three sides
square | a shape with four equal sides
computer | a machine that works with information by following a program
program | a list of steps that tells a computer what to do
robot | a machine that can do jobs by itself
machine | a thing with parts that work together to do a job
engine | a machine that makes something move
internet | a very large network that connects computers all over the world
language model | a computer program that learns from text and predicts the next word
algorithm | a list of clear steps that solves a problem
memory | the ability to keep things in mind, or the part of a computer that stores data
data | facts and numbers that a computer can store
file | a named piece of data stored on a computer
keyboard | the part of a computer with keys that you type on
money | coins and notes that you use to pay for things
gift | a thing you give to someone without asking for money
promise | words that say you will surely do something
secret | something that only a few people know
dream | pictures and stories in your mind while you sleep
idea | a thought or a plan in your mind
question | words that ask for information
answer | words that reply to a question
mistake | something that is done wrong
rule | a statement that says what you must or must not do
law | a rule that everyone in a country must follow
peace | a time without war or fighting
courage | the strength to do something although you are afraid
honesty | telling the truth and not cheating
patience | the ability to wait calmly
kindness | being friendly and helpful to others
hunger | the feeling when you need food
thirst | the feeling when you need something to drink
breakfast | the first meal of the day
lunch | the meal in the middle of the day
dinner | the main meal in the evening
bridge | something built so that people can cross a river or a road
tower | a tall and narrow building
castle | a large old building with strong walls
tent | a small house of cloth that you can carry
garden | a piece of land where flowers or vegetables grow
seed | a small part of a plant from which a new plant grows
root | the part of a plant that grows under the ground
leaf | a flat green part of a plant
flower | the colorful part of a plant that makes seeds
tree | a tall plant with a trunk and branches
fruit | the part of a plant that holds the seeds and is often sweet
vegetable | a plant or a part of a plant that people cook or eat in salads
honey | a sweet food that bees make
bread | a food that is baked from flour and water
soup | a warm liquid food made with vegetables or meat
mammal | an animal that feeds its babies with milk
bird | an animal with feathers and wings
insect | a small animal with six legs
reptile | an animal with dry skin and scales, such as a snake or a lizard
fish | an animal that lives in water and breathes with gills
nest | a home that birds build for their eggs
egg | a round thing from which a baby bird comes out
heart | the part of the body that pumps blood
brain | the part of the body that thinks
neighbor | a person who lives near you
guest | a person who visits your home
hero | a person who does something very brave
king | a man who rules a country
queen | a woman who rules a country, or the wife of a king
journey | a long trip from one place to another
holiday | a day or a time when people do not work
birthday | the day of the year on which a person was born
winter | the cold season of the year
summer | the warm season of the year
gravity | the force that pulls things down to the ground
electricity | a form of energy that makes lamps and machines work
energy | the power to do work or to make things move
oxygen | a gas in the air that people and animals need to breathe
"""
