"""The page's style: dark on light, one column on a phone, tables scroll in their box, printable."""

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem 1.25rem 4rem; max-width: 75rem; color: #1b1b1b;
  background: #fff; font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.6rem; margin: .5rem 0; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; padding-bottom: .25rem;
  border-bottom: 2px solid #22384f; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
h1, h2, h3, p, li, figcaption, summary, caption, code { overflow-wrap: anywhere; }
a { color: #0b4f8a; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; margin: 1rem 0;
  list-style: none; }
.label { display: inline-block; padding: 0 .45em; border: 1.5px solid #a3001e; border-radius: .3em;
  color: #a3001e; background: #fff; font-size: .8em; font-weight: 700; white-space: nowrap; }
.notice { padding: .5rem .9rem; border: 1px solid #8a5a00; border-left-width: .4rem;
  background: #fff8e6; }
.notice h3 { margin-top: .25rem; }
.figures { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.25rem;
  align-items: start; margin: 1rem 0; }
figure { margin: 0; }
.picture { overflow-x: auto; border: 1px solid #d5dbe1; border-radius: .3rem; padding: .4rem; }
.picture svg { display: block; width: 100%; height: auto; }
figcaption { font-size: .875rem; color: #333; margin-top: .3rem; }
.scroll { overflow-x: auto; width: fit-content; max-width: 100%; margin: 1rem 0;
  border: 1px solid #d5dbe1; border-radius: .3rem; }
.scroll:focus-visible, pre:focus-visible { outline: 3px solid #0b4f8a; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { caption-side: top; text-align: left; padding: .45rem .6rem; font-weight: 600; }
.told { position: sticky; left: .6rem; display: inline-block; max-width: min(60rem, 100vw - 4rem); }
th, td { padding: .3rem .6rem; text-align: right; border-top: 1px solid #e3e7eb; }
th { font-weight: 600; }
thead th { background: #f3f6f9; white-space: nowrap; }
tbody th, thead th:first-child { text-align: left; font-weight: 400; min-width: 9rem; }
tbody th { position: sticky; left: 0; background: #fff; }
td { white-space: nowrap; }
#plans td:last-child, #read td { white-space: normal; text-align: left; min-width: 14rem; }
#plans thead th:last-child, #read thead th { text-align: left; }
details { margin: .75rem 0; }
summary { cursor: pointer; font-weight: 600; padding: .25rem 0; }
pre { overflow-x: auto; padding: .8rem; background: #f3f6f9; border-radius: .3rem;
  font-size: .8125rem; line-height: 1.45; }
@media (max-width: 700px) {
  body { padding: .5rem .8rem 3rem; }
  .figures { grid-template-columns: minmax(0, 1fr); }
  tbody th { position: static; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  h2, h3 { break-after: avoid; }
  figure, tr { break-inside: avoid; }
  .scroll, .picture, pre { overflow: visible; }
  pre { white-space: pre-wrap; }
  table { font-size: 7.5pt; }
  td { white-space: normal; }
}
"""
