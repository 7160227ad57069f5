/**
 * The look of every report: one column on a phone, cards beside each other where there is room, light or dark as the
 * reader's system is. Marks have classes, and take their colours from here: `c0` to `c7` tell things apart, `s0` to `s6`
 * go from little to much.
 */
export const STYLE = `
:root{color-scheme:light dark;
--page:#f6f6f3;--card:#fdfdfc;--ink:#0b0b0b;--ink2:#4d4c49;--ink3:#666460;--line:#e2e1da;--axis:#c3c2b7;
--link:#1a5fb4;--good:#006b00;--bad:#b3261e;--warn:#8a5a00;
--c0:#2a78d6;--c1:#d9541f;--c2:#12946a;--c3:#c98500;--c4:#c94f83;--c5:#4a3aa7;--c6:#007300;--c7:#d03b3b;
--s0:#d9e8fb;--s1:#b3d1f6;--s2:#86b6ef;--s3:#5598e7;--s4:#2a78d6;--s5:#184f95;--s6:#0b2f5e;
--on-s0:#0b0b0b;--on-s3:#0b0b0b;--on-s4:#fff;--on-s6:#fff}
@media (prefers-color-scheme:dark){:root{
--page:#0e0e0d;--card:#191918;--ink:#fff;--ink2:#c6c5ba;--ink3:#98968e;--line:#2d2d2a;--axis:#4a4945;
--link:#7ab4ff;--good:#4fc04f;--bad:#ff8a80;--warn:#f0b849;
--c0:#4a94ee;--c1:#e8703f;--c2:#22ac7c;--c3:#d39a1c;--c4:#e071a0;--c5:#9a90ee;--c6:#3fae3f;--c7:#ec7272;
--s0:#12294a;--s1:#16386a;--s2:#1b4b90;--s3:#2a6cc4;--s4:#5598e7;--s5:#93bff3;--s6:#d3e5fb;
--on-s0:#fff;--on-s3:#fff;--on-s4:#0b0b0b;--on-s6:#0b0b0b}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main,header,footer{max-width:1240px;margin:0 auto;padding:0 20px}
header{padding-top:32px}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em;text-wrap:balance}
h2{font-size:1.2rem;margin:40px 0 4px}
h3{font-size:1rem;margin:0}
p{margin:0;color:var(--ink2);max-width:75ch}
.brand{color:var(--ink3);font-size:.85rem;margin-bottom:10px}
.verdict{display:inline-block;font-weight:600;margin:10px 0 0;color:var(--ink)}
.verdict.good{color:var(--good)}.verdict.bad{color:var(--bad)}.verdict.warn{color:var(--warn)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:22px 0 0;padding:0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 14px;margin:0}
.tile dt{color:var(--ink3);font-size:.82rem}
.tile dd{margin:0;font-size:1.35rem;font-weight:600;line-height:1.3}
.tile dd small{display:block;font-size:.8rem;font-weight:400;color:var(--ink2)}
.contents{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;margin:18px 0 0;padding:0;font-size:.9rem}
.contents a{display:inline-block;padding:4px 0}
a{color:var(--link)}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,440px),1fr));gap:16px;margin-top:14px;align-items:start}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:16px;margin:0;min-width:0}
.card>p,figcaption p{font-size:.88rem;margin:2px 0 8px}
.wide{grid-column:1/-1}
svg{display:block;width:100%;height:auto;max-width:620px;margin:6px auto 0;overflow:visible;font-family:inherit}
.wide svg{max-width:900px}
.legend{list-style:none;display:flex;flex-wrap:wrap;align-items:center;gap:2px 16px;margin:4px 0 0;padding:0;font-size:.85rem;color:var(--ink2)}
.legend i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:6px;vertical-align:-1px;background:currentColor}
text{font-size:11px;fill:var(--ink2)}
text.tick{fill:var(--ink3)}text.name{fill:var(--ink)}text.strong{fill:var(--ink);font-weight:600;paint-order:stroke;stroke:var(--card);stroke-width:5px;stroke-linejoin:round}
.gridline{stroke:var(--line);stroke-width:1}.axis{stroke:var(--axis);stroke-width:1}
.yard{stroke:var(--ink3);stroke-width:2}
.mark{stroke:var(--ink3);stroke-width:1;stroke-dasharray:3 3}
.curve{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.again .curve{stroke-dasharray:7 5}.legend i.again{background:none;border:2px dashed currentColor}
.dots{fill:none;stroke:currentColor;stroke-width:3;stroke-linecap:round;stroke-opacity:.75}
.dot{fill:currentColor;stroke:var(--card);stroke-width:1.5}
.spot{fill:none;stroke:currentColor;stroke-width:8;stroke-linecap:round}
.zoom *{vector-effect:non-scaling-stroke}.zooms{touch-action:pan-y pinch-zoom;cursor:crosshair;user-select:none}
.event{fill:none;stroke:currentColor;stroke-width:2}.event-bad{color:var(--bad)}.event-quiet{color:var(--ink3);stroke-dasharray:2 4}
.cut{stroke:var(--ink3);stroke-width:1.5;stroke-dasharray:5 4}
.ring{fill:none;stroke:var(--ink);stroke-width:2;pointer-events:none}.chosen{fill:var(--c0);fill-opacity:.2;pointer-events:none}.off{display:none}
.tools{display:flex;flex-wrap:wrap;gap:4px 8px;align-items:center;margin-top:6px;font-size:.85rem}
.tools input{flex:1 1 120px;min-width:0;min-height:36px;accent-color:var(--c0)}
.tools output{flex:1 0 100%;color:var(--ink2);font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.tools button{font:inherit;color:var(--ink);background:var(--page);border:1px solid var(--axis);border-radius:8px;min-width:40px;min-height:36px;cursor:pointer}
.tools button:disabled{color:var(--ink3);cursor:default}
.legend button{font:inherit;color:inherit;background:none;border:0;padding:4px 2px;min-height:28px;cursor:pointer}
.legend button[aria-pressed=false]{text-decoration:line-through}.legend button[aria-pressed=false] i{background:none;border:2px solid currentColor}
.fill{fill:currentColor}.soft{fill:currentColor;fill-opacity:.25}.range{stroke:currentColor;stroke-width:6;stroke-linecap:round;stroke-opacity:.35}
.hole{fill:none;stroke:var(--line);stroke-width:1}
.whisker{stroke:currentColor;stroke-width:1.5}
${Array.from({ length: 8 }, (_, n) => `.c${n}{color:var(--c${n})}`).join('')}
${Array.from({ length: 7 }, (_, n) => `.s${n}{color:var(--s${n})}`).join('')}
text.on-s0,text.on-s1,text.on-s2{fill:var(--on-s0)}text.on-s3{fill:var(--on-s3)}text.on-s4{fill:var(--on-s4)}text.on-s5,text.on-s6{fill:var(--on-s6)}
details{margin-top:10px;font-size:.85rem}
summary{cursor:pointer;color:var(--ink2);padding:4px 0}
[hidden]{display:none!important}
.copy{font:inherit;color:var(--ink);background:var(--page);border:1px solid var(--axis);border-radius:8px;padding:6px 12px;margin-top:8px;cursor:pointer;min-height:36px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums;margin-top:6px;min-width:50%}
th,td{text-align:left;padding:4px 14px 4px 0;border-bottom:1px solid var(--line);white-space:nowrap;color:var(--ink2)}
th{font-weight:600;color:var(--ink)}.n{text-align:right}
.all{display:none}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:8px 0 0;font-size:.88rem}.facts dt{color:var(--ink3)}.facts dd{margin:0;color:var(--ink2);max-width:75ch}
.long{overflow-wrap:anywhere}
footer{color:var(--ink3);font-size:.82rem;padding-top:28px;padding-bottom:40px}footer p{color:var(--ink3)}
:focus-visible{outline:2px solid var(--c0);outline-offset:2px}
@media (max-width:520px){svg text{font-size:13px}.wide svg text{font-size:18px}main,header,footer{padding-left:12px;padding-right:12px}.card{padding:12px}.tiles{grid-template-columns:1fr 1fr;gap:8px}h1{font-size:1.35rem}.facts{grid-template-columns:1fr}.facts dd{margin-bottom:6px}
th,td{white-space:normal;padding-right:8px;overflow-wrap:break-word}td.n{white-space:nowrap}.all{display:block;font-size:.85rem;color:var(--ink2);padding:6px 0}.all input{width:20px;height:20px;vertical-align:-4px;accent-color:var(--c0)}.table:not(:has(:checked)) .less{display:none}}
@media print{.tools{display:none}body{background:#fff}.card,.tile{break-inside:avoid}}
`;
