"""The style sheet that stands in each page: one column, cards, and a grid that folds on a phone."""

STYLE = """
:root { --ink: #1d2433; --soft: #5b6474; --line: #d9dee7; --ground: #f4f6f9; --accent: #1f5fd0;
  --bad: #b3261e; --warn: #8a5a00; --good: #1a6b3c; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: center;
  padding: .75rem max(1rem, 50vw - 30rem); background: #1b2440; color: #fff; }
header a { color: #fff; }
header nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; flex: 1; }
header nav a { padding: .35rem 0; text-decoration: none; border-bottom: 2px solid transparent; }
header nav a:hover { border-bottom-color: #fff; }
header form { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; }
header button { color: #fff; background: none; border-color: #8a94b0; }
.portal { padding-left: 1.25rem; border-left: 1px solid #8a94b0; color: #d5daea; }
.brand { font-weight: 700; font-size: 1.1rem; }
.brand small { margin-left: .5rem; padding: .1rem .4rem; border-radius: .25rem; background: #ffd166;
  color: #1b2440; font-size: .7rem; font-weight: 600; vertical-align: middle; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { margin: 0 0 1rem; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 0; font-size: 1.15rem; }
h1, h2, p, li, dd, legend { overflow-wrap: anywhere; }
p { margin: .5rem 0; }
a { color: var(--accent); }
code { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; font-size: .875em;
  overflow-wrap: anywhere; }
.muted, small { color: var(--soft); font-size: .875rem; }
.trail { margin: 0 0 .25rem; color: var(--soft); font-size: .875rem; }
.card, .tile { margin: 1rem 0; padding: 1rem 1.25rem; background: #fff;
  border: 1px solid var(--line); border-radius: .5rem; }
.card > :first-child, .card > div:first-child > :first-child { margin-top: 0; }
.card > :last-child, .card > div > :last-child { margin-bottom: 0; }
.tile:target { border-color: var(--accent); }
.head { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; }
.actions { display: flex; flex-wrap: wrap; gap: .5rem; margin: 1rem 0 0; align-items: center; }
.badge { padding: .1rem .5rem; border-radius: 1rem; font-size: .8125rem; font-weight: 600;
  color: var(--soft); background: #eceff4; }
.badge.good { color: var(--good); background: #e2f3e8; }
.badge.bad { color: var(--bad); background: #fbe9e7; }
.alert, .notice, .warning { padding: .75rem 1rem; border: 1px solid; border-radius: .375rem; }
.alert { color: var(--bad); background: #fdf1f0; }
.warning { color: var(--warn); background: #fff8e6; }
.notice { color: var(--good); background: #eef8f1; }
button, a.button { display: inline-block; min-height: 2.5rem; padding: .4rem .9rem; font: inherit;
  line-height: 1.5; color: var(--ink); background: #fff; border: 1px solid #aab2c0;
  border-radius: .375rem; text-decoration: none; cursor: pointer; }
button.main, a.button.main { color: #fff; background: var(--accent); border-color: var(--accent); }
button.danger, a.button.danger { color: var(--bad); border-color: var(--bad); }
button:hover, a.button:hover { filter: brightness(.94); }
:focus-visible { outline: 3px solid #f2a900; outline-offset: 2px; }
.field { display: block; margin: 1rem 0; font-weight: 600; }
.field small { display: block; font-weight: 400; }
input:not([type=checkbox], [type=radio]) { display: block; width: 100%; min-height: 2.5rem;
  margin-top: .25rem; padding: .4rem .6rem; font: inherit; font-weight: 400; color: inherit;
  background: #fff; border: 1px solid #aab2c0; border-radius: .375rem; }
input[readonly] { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace;
  font-size: .875rem; background: var(--ground); }
input[type=checkbox], input[type=radio] { width: 1.125rem; height: 1.125rem; margin: 0; flex: none;
  accent-color: var(--accent); }
.box { display: flex; gap: .6rem; align-items: center; min-height: 2.25rem; padding: .25rem 0; }
.box span { overflow-wrap: anywhere; } .box small { display: block; }
ul.card { list-style: none; } ul.card li { padding: .25rem 0; }
fieldset { margin: 1rem 0; padding: .5rem 1rem .75rem; border: 1px solid var(--line);
  border-radius: .375rem; }
legend { padding: 0 .35rem; font-weight: 600; }
dl.scopes { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.25rem;
  margin: .5rem 0; font-size: .9375rem; }
dl.scopes dt { font-weight: 600; } dl.scopes dd { margin: 0; }
details { margin: .75rem 0 0; } summary { cursor: pointer; font-weight: 600; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .5rem .5rem; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: top; }
tr:last-child > * { border-bottom: 0; }
th small { display: block; font-weight: 400; overflow-wrap: anywhere; }
td .actions { margin: 0; flex-wrap: nowrap; }
thead th { color: var(--soft); font-size: .8125rem; }
.grid td, .grid th { padding: .1rem .5rem; vertical-align: middle; }
.grid thead th:not(:first-child, :last-child), .grid td:not(:last-child) { text-align: center; }
.grid td:not(:last-child) .box { justify-content: center; }
.grid td:not(:last-child) .box span { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); }
.grid td:last-child { text-align: left; }
.grid .box { padding: 0; font-size: .75rem; }
@media (max-width: 40rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { display: block; padding: .75rem 0; border-bottom: 1px solid var(--line); }
  tr:last-child { border-bottom: 0; }
  td, th { display: block; padding: .1rem 0; border: 0; }
  .grid tr { display: grid; grid-template-columns: repeat(3, 1fr); padding: .5rem 0; }
  .grid th { grid-column: 1 / -1; padding: 0; } .grid td { display: contents; }
  .grid td:not(:last-child) .box { justify-content: start; } .grid .box { gap: .4rem; }
  .grid td:not(:last-child) .box span { position: static; width: auto; height: auto;
    clip-path: none; }
  header nav { order: 1; flex: 0 0 100%; } header form { flex: 1; justify-content: end; }
  .portal { padding-left: 0; border: 0; }
  td .actions { margin: .5rem 0 0; } input[readonly] { font-size: .8125rem; }
  .field, .card, .tile { margin: .75rem 0; } .card, .tile { padding: .9rem 1rem; }
}
"""
