#include "report/style.h"

namespace assay::measure::report {

// Values stand in <title> elements and data-hints, so a page without the script shows most of them too. The script takes
// them out, shows the one nearest to the pointer, and lets arrow keys walk through them.
std::string_view page_script() {
  return R"js((()=>{
const root=document.documentElement,button=document.getElementById('theme');
const isDark=()=>root.dataset.theme?root.dataset.theme==='dark':matchMedia('(prefers-color-scheme: dark)').matches;
const show=()=>{button.textContent=isDark()?'light':'dark'};
button.hidden=false;show();
button.addEventListener('click',()=>{root.dataset.theme=isDark()?'light':'dark';show()});

const folds=[...document.querySelectorAll('details.fold')];
const reveal=()=>{
  const target=location.hash.length>1&&document.getElementById(location.hash.slice(1));
  if(!target)return;
  const fold=target.closest('details')||target.querySelector('details.fold');
  if(fold&&!fold.open){fold.open=true;target.scrollIntoView()}
};
if(matchMedia('(max-width: 760px)').matches)for(const fold of folds)fold.open=false;
addEventListener('beforeprint',()=>{for(const fold of folds)fold.open=true});
addEventListener('hashchange',reveal);
reveal();

const tip=document.createElement('div');
tip.id='tip';tip.setAttribute('role','status');tip.hidden=true;
document.body.append(tip);
let lit=null,ring=null;
const hide=()=>{tip.hidden=true;if(ring)ring.remove();ring=null;if(lit)lit.classList.remove('lit');lit=null};

for(const svg of document.querySelectorAll('svg.plot')){
  const spots=[];
  for(const title of [...svg.querySelectorAll('title')]){
    spots.push({element:title.parentNode,text:title.textContent});
    title.remove();
  }
  for(const line of svg.querySelectorAll('polyline[data-hints]')){
    line.dataset.hints.split('|').forEach((text,i)=>{
      const p=line.points[i];
      if(p)spots.push({text,box:{x:p.x,y:p.y,width:0,height:0}});
    });
  }
  if(!spots.length)continue;
  svg.setAttribute('tabindex','0');
  svg.setAttribute('aria-label',svg.getAttribute('aria-label')+' Arrow keys read its values.');
  const box=spot=>spot.box||(spot.box=spot.element.getBBox());
  let at=-1;
  const put=spot=>{
    hide();
    const b=box(spot),x=b.x+b.width/2,y=b.y+b.height/2;
    if(spot.element){lit=spot.element;lit.classList.add('lit')}
    else{
      ring=document.createElementNS(svg.namespaceURI,'circle');
      for(const [name,value] of Object.entries({class:'ring',cx:x,cy:y,r:7}))ring.setAttribute(name,value);
      svg.append(ring);
    }
    tip.textContent=spot.text;tip.hidden=false;
    const p=new DOMPoint(x,b.y).matrixTransform(svg.getScreenCTM());
    const half=tip.offsetWidth/2+8,above=p.y-tip.offsetHeight-10;
    tip.style.left=Math.min(Math.max(p.x,half),root.clientWidth-half)+'px';
    tip.style.top=(above<4?p.y+b.height+14:above)+'px';
  };
  const nearest=event=>{
    const p=new DOMPoint(event.clientX,event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    let best=-1,least=24;
    spots.forEach((spot,i)=>{
      const b=box(spot),dx=Math.max(b.x-p.x,0,p.x-b.x-b.width),dy=Math.max(b.y-p.y,0,p.y-b.y-b.height);
      const d=Math.hypot(dx,dy)+(b.width+b.height)*.001;
      if(d<least){least=d;best=i}
    });
    return best;
  };
  const point=event=>{at=nearest(event);if(at<0)hide();else put(spots[at])};
  svg.addEventListener('pointermove',point);
  svg.addEventListener('pointerdown',point);
  svg.addEventListener('pointerleave',hide);
  svg.addEventListener('blur',hide);
  svg.addEventListener('keydown',event=>{
    const step={ArrowRight:1,ArrowDown:1,ArrowLeft:-1,ArrowUp:-1}[event.key];
    if(event.key==='Escape'){hide();return}
    if(event.key==='Home')at=0;
    else if(event.key==='End')at=spots.length-1;
    else if(step)at=at<0&&step<0?spots.length-1:(at+step+spots.length)%spots.length;
    else return;
    event.preventDefault();put(spots[at]);
  });
}
})())js";
}

}  // namespace assay::measure::report
