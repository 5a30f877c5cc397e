/** Style of the report. System fonts and colours, light and dark. */
export const STYLE: string = `
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 18%,transparent);--good:#18794e;--bad:#c62a2f;--part:#946800;--none:#71717a}
@media(prefers-color-scheme:dark){:root{--good:#4cc38a;--bad:#ff6369;--part:#f1a10d;--none:#a1a1aa}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:1rem 1.5rem 4rem}
h1{font-size:1.6rem;margin:.5rem 0}h2{font-size:1.15rem;margin:1.2rem 0 .4rem}h3{font-size:1rem;margin:.6rem 0 .2rem}h4{font-size:.8rem;margin:.5rem 0 .1rem;color:var(--none)}
header{display:flex;flex-wrap:wrap;gap:0 2.5rem}header h1{flex-basis:100%}header p{margin:.2rem 0}
small{font-weight:normal;color:var(--none)}code,pre{font:13px/1.45 ui-monospace,monospace}
pre{overflow-x:auto;padding:.5rem .7rem;border:1px solid var(--line);border-radius:6px;margin:.1rem 0;white-space:pre-wrap;overflow-wrap:anywhere}
a{color:inherit;text-decoration:none}a:hover{text-decoration:underline}
.good{color:var(--good)}.bad,.reason{color:var(--bad)}.part{color:var(--part)}.none{color:var(--none)}
.matrix{border-collapse:collapse;margin:1rem 0}.matrix caption{text-align:left;color:var(--none);font-size:.85rem}
.matrix td,.matrix th{border:1px solid var(--line);padding:.25rem .8rem;text-align:left;font-variant-numeric:tabular-nums}
.matrix td{text-align:right;font-weight:600}
#filter{position:sticky;top:0;background:Canvas;padding:.6rem 0;border-bottom:1px solid var(--line);display:flex;flex-wrap:wrap;gap:1rem;z-index:1}
#filter input{width:18rem}
.case{border-bottom:1px solid var(--line);padding:.2rem 0}.case summary{cursor:pointer;overflow-wrap:anywhere}.case summary span:last-child{color:var(--none)}
.tag{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:0 .55rem;font-size:.75rem;font-weight:600}
.tag.pass{color:var(--good)}.tag.fail,.tag.fault,.tag.xpass{color:var(--bad)}.tag.xfail,.tag.skip{color:var(--part)}.tag.na{color:var(--none)}
[hidden]{display:none}
`

/** Filter of the report. Without it the page still shows everything. */
export const SCRIPT: string = `
const form=document.getElementById('filter'),cases=[...document.querySelectorAll('.case')]
const apply=()=>{const verdict=form.verdict.value,text=form.text.value.toLowerCase();let shown=0
for(const one of cases){const fits=(!verdict||one.dataset.verdicts.split(' ').includes(verdict))&&(!text||one.id.includes(text)||one.textContent.toLowerCase().includes(text));one.hidden=!fits;shown+=fits}
for(const suite of document.querySelectorAll('.suite'))suite.hidden=!suite.querySelector('.case:not([hidden])')
form.querySelector('output').textContent=shown+' of '+cases.length}
form.addEventListener('input',apply);form.addEventListener('submit',event=>event.preventDefault())
if(document.querySelector('[data-verdicts~=bad]'))form.verdict.value='bad'
const open=()=>{const one=document.getElementById(decodeURIComponent(location.hash.slice(1)));if(one?.hidden){form.verdict.value='';form.text.value='';apply();one.scrollIntoView()}if(one?.tagName==='DETAILS'){one.open=true;one.hidden=false;one.scrollIntoView()}}
apply();open();addEventListener('hashchange',open)
`
