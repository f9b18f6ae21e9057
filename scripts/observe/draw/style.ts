/*
 * The page's style sheet. Letters grow with the screen, so that a projector at 1080 lines is read from the last row.
 */
import { colours, KIND_COLOURS } from './colours.ts'
import { CURVE_STYLE } from './curves.ts'

const stripes = Object.keys(KIND_COLOURS)
  .map((kind) => `.chip[data-kind=${kind}]{border-left-color:var(--kind-${kind})}`)
  .join('\n')

export const STYLE = `${colours(':root')}
*{box-sizing:border-box}
html{font-size:clamp(13px,0.95vw,22px)}
body{margin:0;background:var(--paper);color:var(--ink);font-family:system-ui,"DejaVu Sans",sans-serif;line-height:1.35}
h1,h2,h3,p,dl,ul{margin:0}
h1{font-size:1.25rem}h2{font-size:1.1rem}h3,caption{font-size:1rem;font-weight:bold;text-align:left}
.soft,.soft *{color:var(--soft);font-weight:normal}
code,kbd,.chip,.numbers,.now,td,th{font-family:ui-monospace,DejaVu Sans Mono,Menlo,Consolas,monospace}
kbd{border:1px solid var(--line);border-radius:3px;padding:0 .3em;background:var(--paper);color:var(--ink)}
button{font:inherit;color:var(--ink);background:var(--room);border:1px solid var(--line);border-radius:4px;padding:.2rem .6rem;cursor:pointer}
button:hover{border-color:var(--ink)}
:focus-visible{outline:3px solid var(--accent);outline-offset:1px}
.page{height:100vh;display:grid;grid-template-rows:auto 1fr}
header{display:flex;flex-wrap:wrap;gap:.4rem 1.2rem;align-items:center;padding:.5rem .8rem;border-bottom:1px solid var(--line)}
header nav{display:flex;gap:.4rem;margin-left:auto}
.status{font-weight:bold}.status.lost{color:var(--gone)}
main{display:grid;grid-template-columns:minmax(0,1.7fr) minmax(0,1fr);min-height:0}
.with-details main{grid-template-columns:minmax(0,1.2fr) minmax(0,1fr)}
.left,.right{overflow:auto;min-height:0;padding:.8rem;display:flex;flex-direction:column;gap:.8rem}
.right{border-left:1px solid var(--line)}
.room{border:2px solid var(--line);border-radius:6px;padding:.5rem .7rem .6rem;background:var(--room);display:flex;flex-direction:column;gap:.45rem;min-width:0}
.room .room{background:var(--paper)}.room .room .room{background:var(--room)}
.title,.chips,.processes,.inner,.name,.numbers{display:flex;flex-wrap:wrap;gap:.3rem .6rem;align-items:baseline}
.inner{align-items:stretch;gap:.7rem}
.inner>.room{flex:1 1 17rem}
.title strong{font-size:1.1rem}
.chip{border:1px solid var(--line);border-left:.45rem solid;border-radius:3px;padding:0 .35rem;background:var(--paper);font-size:.85rem;white-space:nowrap}
.chip.lesson{border-top-width:2px;border-bottom-width:2px;border-right-width:2px;font-weight:bold}
.shared{font-size:.85rem}
.process{border:1px solid var(--ink);border-radius:4px;padding:.25rem .5rem;background:var(--paper)}
.process.others{border-style:dotted;color:var(--soft)}
.numbers{gap:0 .7rem}.number{white-space:nowrap}.number.first b{font-size:1.15rem}
[role=treeitem]{cursor:pointer}
[aria-selected=true]{box-shadow:0 0 0 2px var(--accent)}
.mark{font-weight:bold;white-space:nowrap}
.mark.new{color:var(--new)}.mark.gone{color:var(--gone)}
.room.new,.process.new,.chip.new{border-color:var(--new)}
.chip.new{border-width:2px;border-left-width:.45rem}
.room.new{border-width:3px}.process.new{box-shadow:inset 0 0 0 1px var(--new)}
.room.gone,.process.gone,.chip.gone{border-color:var(--gone);border-style:dashed;background:none}
.process.gone strong,tr.gone td{text-decoration:line-through}
${stripes}
.tally ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.1rem 1.2rem}
table{border-collapse:collapse;width:100%;font-size:.85rem}
th,td{text-align:left;vertical-align:top;padding:.12rem .5rem .12rem 0;font-weight:normal}
thead th{color:var(--soft);border-bottom:1px solid var(--line)}
td{overflow-wrap:anywhere}
.groups td{white-space:nowrap;overflow-wrap:normal;vertical-align:middle}
.groups th[scope=row]{overflow-wrap:anywhere;vertical-align:middle}
.groups .group{display:inline-block}
.note{display:block;font-weight:bold;color:var(--gone)}
.curve{width:7.5rem;height:1.75rem;display:block;background:var(--room)}
${CURVE_STYLE}
.details{border:2px solid var(--accent);border-radius:6px;padding:.6rem .7rem;display:flex;flex-direction:column;gap:.6rem;overflow:auto;flex:0 1 auto;min-height:60%}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.1rem .8rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.capabilities{overflow-wrap:anywhere}
.curtain{position:fixed;inset:0;background:color-mix(in srgb,var(--ink) 40%,transparent);display:grid;place-items:center}
.help{background:var(--paper);border:2px solid var(--ink);border-radius:8px;padding:1rem 1.4rem;max-width:44rem;display:grid;gap:.8rem}
@media (prefers-reduced-motion:no-preference){.room.new,.process.new{animation:arrive .6s ease-out}}
@keyframes arrive{from{opacity:.2}}
@media (max-width:60rem){.page{height:auto}main,.with-details main{grid-template-columns:minmax(0,1fr)}.right{border-left:0}}
@media print{.page{height:auto}.left,.right{overflow:visible}nav{display:none}}`
