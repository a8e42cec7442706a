#include "report/style.h"

#include <string>

namespace assay::measure::report {
namespace {

// Series colours: hues of Okabe and Ito (2008), which people with any kind of colour vision tell apart, darkened on
// white and lightened on black until text in them has a contrast of 4.5 : 1.
constexpr std::string_view light = R"css(
--page:#fff;--panel:#f6f7f9;--ink:#14171c;--soft:#565e6a;--rule:#d5d9df;--grid:#e6e9ed;--grid2:#f0f2f4;
--good:#00684f;--warn:#8a5300;--bad:#b3261e;--warnbg:#fdf3e1;--badbg:#fdeceb;
--c0:#0062a3;--c1:#b54708;--c2:#00775a;--c3:#8d3a78;--c4:#6b5d00;--c5:#3d4dae;--c6:#9c2f4b;--c7:#4a5560;color-scheme:light;)css";
constexpr std::string_view dark = R"css(
--page:#0f1216;--panel:#171b21;--ink:#e9ebee;--soft:#9aa4b0;--rule:#333b45;--grid:#252b33;--grid2:#1b2027;
--good:#4cc9a4;--warn:#f0b35a;--bad:#ff8a80;--warnbg:#2a2113;--badbg:#2e1917;
--c0:#62b5f5;--c1:#f5a05a;--c2:#4ccda6;--c3:#e59ad0;--c4:#d9c64a;--c5:#a3aef5;--c6:#f58aa5;--c7:#b4bec9;color-scheme:dark;)css";

constexpr std::string_view rules = R"css(
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans",Arial,sans-serif;font-variant-numeric:tabular-nums}
main,header,footer{max-width:1060px;margin:0 auto;padding:0 24px}
header{padding-top:26px}
.bar{display:flex;justify-content:space-between;align-items:baseline;gap:16px;color:var(--soft);font-size:13.5px;border-bottom:1px solid var(--rule);padding-bottom:10px}
.bar b{color:var(--ink);letter-spacing:.01em}
#theme{font:inherit;color:var(--soft);background:none;border:1px solid var(--rule);border-radius:4px;padding:1px 9px;cursor:pointer}
#theme:hover,#theme:focus-visible{color:var(--ink);border-color:var(--soft)}
.kicker{margin:30px 0 6px;color:var(--soft);font-weight:600;overflow-wrap:anywhere}
h1{margin:0 0 12px;font-size:32px;line-height:1.18;font-weight:680;letter-spacing:-.015em;text-wrap:balance;max-width:25em;overflow-wrap:anywhere}
.lede{margin:0 0 6px;max-width:50em;color:var(--soft);overflow-wrap:anywhere}
.verdict{margin:12px 0 0;padding:0;list-style:none;max-width:52em}
.verdict li{margin:3px 0;padding-left:16px;position:relative;overflow-wrap:anywhere}
.verdict li::before{content:"";position:absolute;left:0;top:.62em;width:6px;height:6px;border-radius:3px;background:var(--c0)}
h2{margin:52px 0 14px;font-size:21px;line-height:1.25;font-weight:660;letter-spacing:-.01em}
h3{margin:0 0 2px;font-size:15.5px;font-weight:650}
h3 small{font-weight:400;color:var(--soft);font-size:13px;margin-left:6px}
p{margin:0 0 10px}
a{color:inherit}
code,pre,.mono{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;overflow-wrap:anywhere}
pre{white-space:pre-wrap;background:var(--panel);border-radius:6px;padding:12px 14px;margin:0 0 12px}
figure{margin:0;min-width:0;break-inside:avoid}
figcaption{color:var(--soft);font-size:13px;line-height:1.45;margin-top:6px;max-width:56em;overflow-wrap:anywhere}
.hero{margin-top:24px}
.grid{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:36px 44px}
.plot{display:block;width:100%;height:auto;overflow:visible}
.only-narrow{display:none}
.span{grid-column:1/-1}
ul.key{list-style:none;margin:6px 0 0;padding:0;display:flex;flex-wrap:wrap;gap:2px 16px;color:var(--soft);font-size:12.5px}
svg.key{width:18px;height:14px;margin-right:5px;vertical-align:-2px}
#tip{position:fixed;z-index:9;transform:translateX(-50%);max-width:min(340px,calc(100vw - 16px));padding:4px 9px;border-radius:4px;background:var(--ink);color:var(--page);font-size:13px;line-height:1.35;pointer-events:none;overflow-wrap:anywhere}
#tip[hidden]{display:none}
nav{position:sticky;top:0;z-index:5;background:var(--page);border-bottom:1px solid var(--rule);margin-top:22px}
nav ul{list-style:none;max-width:1060px;margin:0 auto;padding:7px 24px;display:flex;flex-wrap:wrap;gap:2px 18px;font-size:13.5px}
nav a{color:var(--soft);text-decoration:none}
nav a:hover,nav a:focus-visible{color:var(--ink);text-decoration:underline}
section,figure,dt[id]{scroll-margin-top:76px}
a.term{text-decoration:underline dotted;text-underline-offset:3px}
.plot text{font-size:11.5px;fill:var(--soft);font-family:inherit;font-variant-numeric:tabular-nums}
.plot .label{font-size:13px;font-weight:650;fill:var(--c)}
.plot .halo{paint-order:stroke;stroke:var(--page);stroke-width:4px;stroke-linejoin:round}
.plot .value{font-size:13px;fill:var(--ink)}
.plot .panel-title,.plot .axis-title{font-size:12px;fill:var(--soft)}
.plot .reference-label{fill:var(--ink);font-weight:600}
.plot .mid{text-anchor:middle}.plot .end{text-anchor:end}
.grid-line,.plot .grid{stroke:var(--grid);stroke-width:1}
.plot .grid.minor{stroke:var(--grid2)}
.plot .axis{stroke:var(--soft);stroke-width:1}
.plot .track{stroke:var(--rule);stroke-width:1;stroke-dasharray:1 3}
.plot .reference{stroke:var(--ink);stroke-width:1.4;stroke-dasharray:5 3}
.plot .reference.solid{stroke-width:2;stroke-dasharray:none}
.plot .group{font-weight:600}
.plot .bar{fill:var(--c);opacity:.17}
.whisker{stroke:var(--c);stroke-width:2}
.each{stroke:var(--c);stroke-width:1.3;opacity:.55}
.bound{stroke:var(--c);stroke-width:2.2}
.mark{fill:var(--c);stroke:var(--page);stroke-width:1}
.mark.hollow{fill:var(--page);stroke:var(--c);stroke-width:1.8}
.limit{stroke:var(--ink);stroke-width:2}.plot .curve.limits{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:5 3}.unnamed .label{fill:var(--ink)}.unnamed .leader{stroke:var(--ink)}
.mark.thin{fill:none;stroke:var(--c);stroke-width:2}
.halo-ring{fill:none;stroke:var(--c);stroke-width:1.3}
.cut{stroke:var(--page);stroke-width:2.2}
.lit,.lit>*{stroke:var(--ink)!important;opacity:1!important}
.plot:focus-visible{outline:2px solid var(--c0);outline-offset:4px}
.ring{fill:none;stroke:var(--ink);stroke-width:1.6}
.plot path{fill:none}
.plot .curve{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}
.plot .dashed{stroke-dasharray:4 3}
.band{fill:var(--c);opacity:.16}
.plot .leader{stroke:var(--c);stroke-width:1;opacity:.5}
.plot .part{fill:var(--c);stroke:var(--page);stroke-width:1}
.plot .part0{opacity:.58}.plot .part1{opacity:.36}.plot .part2{opacity:.18}
.plot .seen0{opacity:1}.plot .seen1{opacity:.76}
.s0{--c:var(--c0)}.s1{--c:var(--c1)}.s2{--c:var(--c2)}.s3{--c:var(--c3)}.s4{--c:var(--c4)}.s5{--c:var(--c5)}.s6{--c:var(--c6)}.s7{--c:var(--c7)}.neutral{--c:var(--soft)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;line-height:1.35}
th{font-weight:600;font-size:12.5px;color:var(--soft);text-align:right;vertical-align:bottom;padding:0 10px 7px;border-bottom:1px solid var(--soft)}
th small{display:block;font-weight:400}
td{padding:10px;text-align:right;vertical-align:top;border-bottom:1px solid var(--rule)}
th:first-child,td:first-child,td.why,.left{text-align:left}
th:first-child,td:first-child{padding-left:0}th:last-child,td:last-child{padding-right:0}
td b{font-weight:650}
td small{display:block;color:var(--soft);font-size:12px;overflow-wrap:anywhere}
td small.n{white-space:nowrap}
.name{color:var(--c);font-weight:680}
td .name{font-size:15px;overflow-wrap:anywhere}
td .name.whole{white-space:nowrap;overflow-wrap:normal}
tr.group th{text-align:left;color:var(--ink);padding:16px 0 6px}
tr.group small{display:inline;margin-left:10px;color:var(--soft)}
td.why{overflow-wrap:anywhere}
.best b{border-bottom:2px solid var(--ink)}
.good{color:var(--good);font-weight:650}.bad{color:var(--bad);font-weight:650}.warn{color:var(--warn);font-weight:650}
.under{color:var(--soft);font-size:13px;margin:8px 0 0}
.remarks{list-style:none;margin:18px 0 0;padding:0;font-size:13.5px}
.remarks li{margin:0 0 4px;padding:5px 10px;border-left:3px solid var(--rule);overflow-wrap:anywhere}
.remarks li.warning{border-color:var(--warn);background:var(--warnbg)}
.remarks li.badly{border-color:var(--bad);background:var(--badbg)}
.facts{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:26px 44px}
dl{margin:0;display:grid;grid-template-columns:minmax(92px,auto) minmax(0,1fr);gap:3px 16px;font-size:13.5px}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
dl.define{display:block;columns:2;column-gap:44px}
dl.define div{break-inside:avoid}dl.define dt{color:var(--ink);font-weight:650}dl.define dd{margin:0 0 9px;color:var(--soft)}
dt:target{background:var(--warnbg)}
details{margin-top:16px;font-size:13.5px}
summary{cursor:pointer;color:var(--soft)}
details.fold{margin:0;font-size:inherit}
details.fold>summary{list-style:none;color:inherit}details.fold>summary::-webkit-details-marker{display:none}
details table{font-size:12.5px;margin-top:8px}details td{padding:4px 10px}
footer{margin-top:56px;padding-bottom:40px;color:var(--soft);font-size:13px;overflow-wrap:anywhere}
footer div{border-top:1px solid var(--rule);padding-top:10px}
@media screen and (max-width:760px){
main,header,footer{padding-left:16px;padding-right:16px}
header{padding-top:16px}
h1{font-size:25px}h2{margin-top:40px}
.grid,.facts{grid-template-columns:minmax(0,1fr)}
dl.define{columns:1}
.only-wide{display:none}.only-narrow{display:block}
.plot text{font-size:12.4px}.plot .label,.plot .value{font-size:13.6px}
.cards,.cards tbody,.cards tr,.cards td{display:block}
.cards thead{display:none}
.cards tr{border-top:1px solid var(--soft);padding:10px 0;display:grid;grid-template-columns:1fr 1fr;gap:8px 16px}
.cards td{border:0;padding:0;text-align:left}
.cards td:first-child,.cards td.why{grid-column:1/-1}
.cards td[data-label]::before{content:attr(data-label);display:block;font-size:11.5px;color:var(--soft)}
.cards td.none{display:none}
.cards tr.group{display:block;padding-bottom:0}.cards tr.group th{display:block;border:0;padding:4px 0}.cards tr.group small{display:block;margin:0}
details.fold>summary h2::after{content:" \25be";color:var(--soft)}details.fold:not([open])>summary h2::after{content:" \25b8"}
nav{position:static}nav ul{padding:7px 16px;gap:3px 14px}
section,figure,dt[id]{scroll-margin-top:8px}
}
@media print{
@page{size:A4;margin:13mm 12mm}
body{font-size:9pt;line-height:1.4}
main,header,footer{max-width:none;padding:0}
header{padding-top:0}
#theme,details:not(.fold),nav,#tip{display:none!important}
a.term{text-decoration:none}
.bar,.under,.remarks,figcaption,h3 small,footer{font-size:8pt}
.kicker{margin-top:12pt}
h1{font-size:18pt}h2{margin:16pt 0 7pt;font-size:12.5pt;break-after:avoid}h3{font-size:9.5pt}
.hero{margin-top:12pt}
.verdict li{margin:1pt 0}
.grid{gap:12pt 20pt}.facts{display:block;columns:3;column-gap:16pt}.facts>div{margin-bottom:7pt}.facts h3{break-after:avoid}
.facts dl{grid-template-columns:minmax(54pt,auto) minmax(0,1fr);gap:1pt 8pt;font-size:7pt}.facts .mono{font-size:6.5pt}
dl.define{columns:3;font-size:7.5pt;column-gap:16pt}dl.define dd{margin-bottom:4pt}
#repeat{break-inside:avoid}
dl,pre,code,.mono{font-size:8pt}pre{padding:5pt 7pt;margin-bottom:5pt}p{margin-bottom:4pt}
.scroll{overflow:visible}
table{font-size:8.5pt}td{padding:4pt 5pt}th{font-size:7.5pt;padding:0 5pt 3pt}td small,th small{font-size:7pt}td .name{font-size:9.5pt}
.remarks{margin-top:8pt}.remarks li{padding:2pt 6pt;margin-bottom:2pt}
tr,.remarks li,dl.define div{break-inside:avoid}
ul.key{font-size:7.5pt;gap:0 10pt}
footer{margin-top:14pt;padding-bottom:0}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}
)css";

}  // namespace

std::string page_style() {
  std::string out =
      ":root{" + std::string(light) + "}\n@media (prefers-color-scheme:dark){:root:not([data-theme=light]){";
  out += std::string(dark) + "}}\n:root[data-theme=dark]{" + std::string(dark) + "}";
  out += rules;
  return out + "@media print{:root:root:root{" + std::string(light) + "}}\n";
}

}  // namespace assay::measure::report
