"""
How the page looks: one accent, quiet ground, room around everything, light or dark by choice.

Law: champion and anchor are told from the challenger by the stroke too (dashed, dotted), and what
is not accepted is hatched; take the colours away and the page still says the same.
"""

from typing import Final

_COLOURS: Final = """
:root {
  color-scheme: light dark;
  --paper: #fff; --ground: #f6f7f9; --ink: #1b2027; --soft: #59626e; --line: #e2e6ea;
  --accent: #2b59c3; --accent-tint: #2b59c326; --champion: #6a7280; --hatch: #d9dee4;
  --passed: #16744a; --failed: #b92f26; --inconclusive: #8f5f00; --not-made: #59626e;
  --passed-tint: #e9f5ee; --failed-tint: #fcedeb; --inconclusive-tint: #fcf4e2;
  --not-made-tint: #f0f2f4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171c; --ground: #1c2027; --ink: #e7e9ec; --soft: #a0a9b5; --line: #2d333c;
    --accent: #86a8ff; --accent-tint: #86a8ff30; --champion: #a0a9b5; --hatch: #353c46;
    --passed: #57c892; --failed: #ff8f84; --inconclusive: #e6b450; --not-made: #a0a9b5;
    --passed-tint: #16291f; --failed-tint: #331c1b; --inconclusive-tint: #2e2613;
    --not-made-tint: #21262e;
  }
}
"""

_TEXT: Final = """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  background: var(--paper); color: var(--ink); margin: 0 auto; max-width: 70rem;
  padding: 2rem 1.5rem 5rem; overflow-wrap: break-word;
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums;
}
h1, h2, h3 { font-weight: 650; line-height: 1.25; text-wrap: balance; }
h2 { font-size: 1.35rem; margin: 0 0 .5rem; letter-spacing: -.01em; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
section { margin-top: 4rem; }
#preconditions { margin-top: 2.5rem; }
p { margin: 0 0 1rem; max-width: 46rem; }
.lead { color: var(--soft); margin-bottom: 1.25rem; }
.note, figcaption { color: var(--soft); font-size: .875rem; margin-top: .5rem; }
figure { margin: 0; min-width: 0; }
dl {
  display: grid; gap: .4rem 1.25rem; grid-template-columns: fit-content(16rem) minmax(0, 1fr);
  margin: 0;
}
dl > div { display: contents; }
dt { color: var(--soft); min-width: 0; overflow-wrap: anywhere; }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
summary { color: var(--accent); cursor: pointer; padding: .25rem 0; }
pre {
  background: var(--ground); border-radius: .5rem; font: .8rem/1.5 ui-monospace, monospace;
  overflow-x: auto; padding: 1rem;
}
abbr { color: var(--soft); text-decoration: none; }
footer {
  border-top: 1px solid var(--line); color: var(--soft); font-size: .875rem;
  margin-top: 4rem; padding-top: 1rem;
}
"""

_BANNER: Final = """
.banner {
  background: var(--tint); border-radius: 1rem; border-left: .5rem solid var(--look);
  padding: 1.75rem 2rem;
}
.banner .where { color: var(--soft); font-size: .875rem; margin-bottom: 1.25rem; }
.banner .where strong { color: var(--ink); }
.verdict { align-items: center; display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
.verdict h1 {
  align-items: center; color: var(--look); display: flex; font-size: 2.1rem; gap: .75rem;
  letter-spacing: .02em; margin: 0;
}
.verdict .meaning { font-size: 1.15rem; margin: 0; }
svg.sign { flex: none; height: 2.6rem; width: 2.6rem; }
.sign circle { fill: var(--look); }
.sign path {
  fill: none; stroke: var(--tint); stroke-linecap: round; stroke-linejoin: round;
  stroke-width: 4;
}
.guarantee { color: var(--soft); font-size: .9rem; margin: 0; max-width: 52rem; }
.headline { font-size: 1.15rem; margin: 1rem 0 .75rem; max-width: 52rem; }
.next { margin: 0 0 1.25rem; max-width: 52rem; }
.reasons { margin: 0 0 .75rem; max-width: 52rem; padding-left: 1.25rem; }
.override {
  background: var(--paper); border-radius: .5rem; margin: 1rem 0 0; padding: .75rem 1rem;
}
.facts { border-top: 1px solid var(--line); margin-top: 1.5rem; padding-top: 1.25rem; }
.facts dl { display: flex; flex-wrap: wrap; gap: 1rem 2.25rem; }
.facts dt { font-size: .8rem; }
.facts dl > div { display: block; max-width: 100%; min-width: 0; }
.passed { --look: var(--passed); --tint: var(--passed-tint); }
.failed { --look: var(--failed); --tint: var(--failed-tint); }
.inconclusive { --look: var(--inconclusive); --tint: var(--inconclusive-tint); }
.not-made { --look: var(--not-made); --tint: var(--not-made-tint); }
"""

_TABLES: Final = """
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td {
  border-top: 1px solid var(--line); font-weight: 400; padding: .6rem 1.25rem .6rem 0;
  text-align: left; vertical-align: top;
}
thead th { border-top: 0; color: var(--soft); font-size: .8rem; vertical-align: bottom; }
th:last-child, td:last-child { padding-right: 0; }
th.number, td.number { text-align: right; white-space: nowrap; }
.sides { display: flex; justify-content: space-between; }
thead th.sides { display: table-cell; }
thead th.sides span + span { float: right; }
.badge {
  background: var(--tint); border-radius: 1rem; color: var(--look); display: inline-block;
  font-size: .8rem; font-weight: 600; padding: .1rem .65rem .1rem .5rem; white-space: nowrap;
}
.badge .sign { display: inline-block; margin-right: .35rem; text-align: center; width: 1em; }
.forest .what, .slices tbody th { overflow-wrap: anywhere; }
.forest .outcome { width: 8.5rem; }
.forest .draw { width: 32%; }
.forest .number { width: 11rem; }
.forest .tags { color: var(--soft); font-size: .8rem; }
.reason { color: var(--soft); font-size: .875rem; margin: .25rem 0 0; }
.forest .value { font-weight: 600; }
.interval { color: var(--soft); font-size: .8rem; }
.forest .size { color: var(--soft); display: block; font-size: .8rem; }
.forest .decided strong { text-decoration: underline; text-underline-offset: .25em; }
.slices .draw { width: 36%; }
.slices .number { width: 9rem; }
.slices .least { color: var(--soft); width: 7rem; }
.slices td, .slices tbody th { padding-bottom: .4rem; padding-top: .4rem; }
"""

_PICTURES: Final = """
svg { display: block; overflow: visible; width: 100%; }
svg text { fill: var(--soft); font-size: 12px; }
svg .axis, svg .big { fill: var(--ink); }
svg .small { font-size: 11px; }
svg .big { font-size: 24px; font-weight: 600; }
.plot { max-width: 34rem; }
.broad { max-width: 56rem; }
.pair + .legend, .pair + .wide { margin-top: 2rem; }
.pair, .beside {
  align-items: start; display: grid; gap: 2rem 3rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr));
}
.models { gap: 0 2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); }
#provenance > dl { margin: 2rem 0 1rem; }
.pair > figure > h3, .beside > figure > h3 { margin-top: 0; }
.strip, .gauge, .scale { overflow: hidden; }
.strip {
  background: repeating-linear-gradient(-45deg, var(--hatch) 0 1.5px, transparent 1.5px 7px)
    0 0 / 100% 30px no-repeat;
}
.strip text, .scale text { text-anchor: middle; }
.accepted { fill: var(--ground); }
.blind .accepted { fill: none; }
.limit { stroke: var(--ink); stroke-width: 1.5; }
.equal { stroke: var(--soft); stroke-dasharray: 2 3; }
.bar line { stroke: var(--look); stroke-width: 2.5; }
.bar circle { fill: var(--look); stroke: var(--paper); stroke-width: 1.5; }
.bar .arrow { fill: var(--look); font-size: 18px; font-weight: 700; }
.grid { stroke: var(--line); }
.line { fill: none; stroke-linejoin: round; stroke-width: 2; }
.line.champion, .threshold.champion { stroke: var(--champion); stroke-dasharray: 6 4; }
.line.challenger, .threshold.challenger { stroke: var(--accent); }
.line.anchor { stroke: var(--champion); stroke-dasharray: 1.5 4; stroke-linecap: round; }
.filled { fill: var(--accent-tint); stroke: var(--accent); }
.between { fill: var(--accent-tint); stroke: none; }
.reference { stroke: var(--soft); stroke-dasharray: 3 5; }
.mark { stroke: var(--paper); stroke-width: 1.5; }
.mark.champion { fill: var(--champion); }
.mark.challenger { fill: var(--accent); }
.mark.anchor { fill: var(--paper); stroke: var(--champion); }
.whisker, .count, .join { stroke-width: 1.5; }
.whisker, .count.champion, .join { stroke: var(--champion); }
.whisker.challenger, .count.challenger { stroke: var(--accent); }
.count.anchor { stroke: var(--champion); }
.count { stroke-width: 4; }
.threshold { stroke-width: 1.5; }
.cell.same { fill: var(--ground); }
.cell.better { fill: var(--passed-tint); stroke: var(--passed); }
.cell.worse { fill: var(--failed-tint); stroke: var(--failed); stroke-dasharray: 5 3; }
.shade, .box { fill: var(--accent); }
.box.wrong { fill: var(--failed); }
.s0 { fill-opacity: .04; } .s1 { fill-opacity: .12; } .s2 { fill-opacity: .25; }
.s3 { fill-opacity: .4; } .s4 { fill-opacity: .55; } .s5 { fill-opacity: .72; }
.s6 { fill-opacity: .9; }
svg .on { fill: var(--ink); }
svg .on.dark { fill: var(--paper); }
.dot { fill: var(--look); stroke: var(--look); stroke-width: 2; }
.dot.inconclusive { fill: var(--paper); }
.cross { fill: none; stroke: var(--look); stroke-linecap: round; stroke-width: 2.5; }
.block.used { fill: var(--champion); }
.block.this { fill: var(--accent); }
.block.left { fill: var(--ground); stroke: var(--line); }
.legend {
  display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; list-style: none; margin: 0 0 1rem;
  padding: 0;
}
.swatch {
  border-top: 2px dashed var(--champion); display: inline-block; margin-right: .5rem;
  vertical-align: middle; width: 1.75rem;
}
.swatch.challenger { border-top: 2px solid var(--accent); }
.swatch.anchor { border-top-style: dotted; }
"""

_NARROW: Final = """
@media (max-width: 46rem) {
  body { padding: .75rem .75rem 3rem; }
  section { margin-top: 3rem; }
  .banner { border-radius: .75rem; padding: 1.25rem 1rem; }
  .verdict h1 { font-size: 1.6rem; }
  .broad text { font-size: 18px; }
  .broad .small { font-size: 16px; }
  .forest, .forest tbody { display: block; }
  .forest thead { display: none; }
  .slices thead, .slices thead tr, .slices thead th:nth-child(3) { display: block; width: 100%; }
  .slices thead th { display: none; }
  .forest tbody tr {
    border-top: 1px solid var(--line); display: grid; gap: .5rem; padding: .75rem 0;
    grid-template-columns: minmax(0, 1fr) auto;
  }
  .forest tbody tr > * { border: 0; display: block; padding: 0; width: auto; }
  .forest .what, .forest .draw { grid-column: 1 / -1; }
  .forest .outcome { grid-column: 1; grid-row: 1; }
  .forest .number { grid-column: 2; grid-row: 1; }
  .forest tbody td.draw { width: 100%; }
  .wide { font-size: .875rem; }
  .wide th, .wide td { padding-right: .5rem; }
  .wide .interval { white-space: normal; }
  dl { grid-template-columns: minmax(0, 8rem) minmax(0, 1fr); }
  .slices tbody th { grid-column: 1; grid-row: 1; }
  .slices .draw { grid-row: 2; }
  .slices .outcome { grid-row: 3; }
  .slices .number { width: auto; }
  .slices .least { font-size: .8rem; grid-column: 2; grid-row: 3; width: auto; }
  .slices .least::before { content: "harm it could show: "; }
}
@media print {
  body { max-width: none; padding: 0; }
  section, figure, tr { break-inside: avoid; }
}
"""

STYLE: Final = _COLOURS + _TEXT + _BANNER + _TABLES + _PICTURES + _NARROW
