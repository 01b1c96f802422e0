"""How report.html looks: readable from 360 pixels, in light and dark."""

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --dim: #777 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem;
  overflow-wrap: anywhere }
h1 { font-size: 1.6rem } h2 { font-size: 1.25rem; margin-top: 2rem }
.verdict { font-size: 1.25rem; font-weight: 600 }
.scroll { overflow-x: auto }
table { border-collapse: collapse; margin: .5rem 0 1rem }
td, th { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal }
abbr { text-decoration: underline dotted; cursor: help }
pre { background: var(--soft); padding: .8rem; overflow: auto; font-size: 13px; overflow-wrap: normal }
details { border-top: 1px solid var(--line); padding: .5rem 0 } summary { cursor: pointer; font-weight: 600 }
.plots { display: flex; flex-wrap: wrap; gap: 1rem }
figure { margin: 0; max-width: 100% } figcaption { font-size: .85rem; color: var(--dim) }
svg { max-width: 100%; height: auto }
.hit { margin: 0 0 0 1.2rem; color: var(--dim) } .query { margin: 1rem 0 0; font-weight: 600 }
mark { background: #fd08; color: inherit; padding: 0 .1em }
.small { font-size: .85rem; color: var(--dim) }
@media (prefers-color-scheme: dark) { svg { filter: invert(1) hue-rotate(180deg) } }
@media (max-width: 40rem) {
  table, tbody { display: block }
  tr { display: grid; grid-template-columns: 1fr 1fr; column-gap: 1.2rem; padding: .4rem 0;
    border-bottom: 1px solid var(--line) }
  tr.head { display: none }
  td, td.n { border: 0; padding: 0; display: flex; justify-content: space-between; gap: .6rem }
  td::before { content: attr(data-label); color: var(--dim) }
  td:not(.n) { grid-column: 1 / -1 }
  td:first-child { font-weight: 600 } td:first-child::before { content: none }
}
"""
