"""The page's style: light or dark as the reader's system is, one column on a phone, printable."""

from abgnn.report.palette import declarations

STYLE = (
    f"""
:root {{ color-scheme: light dark; {declarations(dark=False)} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {declarations(dark=True)} }} }}
"""
    + """
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem 1.25rem 4rem; max-width: 75rem; color: var(--ink);
  background: var(--paper);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.6rem; margin: .5rem 0; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; padding-bottom: .25rem;
  border-bottom: 2px solid var(--dark); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
h1, h2, h3, p, li, figcaption, summary, caption, code { overflow-wrap: anywhere; }
a { color: var(--link); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; margin: 1rem 0;
  list-style: none; }
.label { display: inline-block; padding: 0 .45em; border: 1.5px solid var(--warning);
  border-radius: .3em; color: var(--warning); background: var(--paper); font-size: .8em;
  font-weight: 700; white-space: nowrap; }
.notice { padding: .5rem .9rem; border: 1px solid var(--amber); border-left-width: .4rem;
  background: var(--note); }
.notice h3 { margin-top: .25rem; }
.figures { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.25rem;
  align-items: start; margin: 1rem 0; }
figure { margin: 0; }
.picture { overflow-x: auto; border: 1px solid var(--line); border-radius: .3rem; padding: .4rem; }
.picture svg { display: block; width: 100%; height: auto; }
.picture svg * { stroke-linejoin: round; stroke-linecap: butt; }
.picture svg text { fill: var(--ink); }
figure[data-read] .picture { touch-action: pan-y; cursor: crosshair; }
.cross { fill: none; stroke: var(--ink); stroke-width: 1; stroke-dasharray: 3 2; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem .5rem; padding: 0; margin: .3rem 0;
  list-style: none; font-size: .8125rem; }
.legend button { padding: .15rem .3rem; border: 1px solid transparent; border-radius: .3rem; }
.legend button:hover { border-color: var(--line); }
.legend button[aria-pressed="false"] { opacity: .6; text-decoration: line-through; }
.swatch { width: 34px; height: 12px; margin-right: .35em; vertical-align: -1px; stroke-width: 1.5; }
.name { overflow-wrap: anywhere; }
.value { margin-left: .4em; font-weight: 600; font-variant-numeric: tabular-nums; }
.readout { min-height: 1.5em; margin: .3rem 0 0; font-size: .875rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
button { max-width: 100%; padding: 0; border: 0; color: inherit; background: none; font: inherit;
  text-align: inherit; cursor: pointer; }
thead button { white-space: inherit; }
thead button::after { content: "↕"; margin-left: .25em; color: var(--dim); font-weight: 400; }
[aria-sort="ascending"] button::after { content: "↑"; color: var(--link); }
[aria-sort="descending"] button::after { content: "↓"; color: var(--link); }
#answer:has(> figure) { display: grid; gap: 0 2rem; align-items: start;
  grid-template-columns: minmax(0, 1fr) minmax(0, 30rem); }
#answer > h2, #answer > .wide { grid-column: 1 / -1; }
#answer > figure { grid-column: 2; grid-row: 2 / span 2; }
#answer > h2 { margin-top: 1rem; }
.lead { margin-top: 0; font-size: 1.125rem; line-height: 1.55; }
.chips { display: flex; flex-wrap: wrap; gap: .4rem; padding: 0; margin: .75rem 0;
  list-style: none; }
.chips li { padding: .1em .6em; border: 1.5px solid var(--line); border-radius: 1em;
  font-size: .875rem; }
.chips .has { border-color: var(--dark); font-weight: 600; }
.chips .model { border-color: var(--warning); color: var(--warning); }
figcaption { font-size: .875rem; margin-top: .3rem; }
.scroll { overflow-x: auto; width: fit-content; max-width: 100%; margin: 1rem 0;
  border: 1px solid var(--line); border-radius: .3rem; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 1px; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { caption-side: top; text-align: left; padding: .45rem .6rem; font-weight: 600; }
.told { position: sticky; left: .6rem; display: inline-block; max-width: min(60rem, 100vw - 4rem); }
th, td { padding: .3rem .6rem; text-align: right; border-top: 1px solid var(--line); }
th { font-weight: 600; }
thead th { background: var(--pale); white-space: nowrap; }
tbody th, thead th:first-child { text-align: left; font-weight: 400; min-width: 9rem; }
tbody th { position: sticky; left: 0; background: var(--paper); }
td { white-space: nowrap; }
.words { text-align: left; }
#plans td:last-child, #read td { white-space: normal; min-width: 14rem; }
details { margin: .75rem 0; }
summary { cursor: pointer; font-weight: 600; padding: .25rem 0; }
pre { overflow-x: auto; padding: .8rem; background: var(--pale); border-radius: .3rem;
  font-size: .8125rem; line-height: 1.45; }
@media (max-width: 700px) {
  body { padding: .5rem .8rem 3rem; }
  .figures { grid-template-columns: minmax(0, 1fr); }
  tbody th { position: static; }
  #answer:has(> figure) { display: block; }
  .lead { font-size: 1.0625rem; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav, .readout { display: none; }
  thead button::after { content: none; }
  h2, h3 { break-after: avoid; }
  figure, tr { break-inside: avoid; }
  .scroll, .picture, pre { overflow: visible; }
  pre { white-space: pre-wrap; }
  table { font-size: 7.5pt; }
  td { white-space: normal; }
}
"""
)
