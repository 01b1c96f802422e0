"use strict"; // Search as you type. Asks this server alone.

const $ = id => document.getElementById(id);
const WAIT = 150; // milliseconds after the last key
let asked = null, timer = 0;

function element(name, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

async function ask(path, body, signal) {
  const headers = { "Content-Type": "application/json" }, key = sessionStorage.getItem("key");
  if (key) headers.Authorization = `Bearer ${key}`;
  const how = body ? { method: "POST", body: JSON.stringify(body) } : {};
  const reply = await fetch(path, { ...how, headers, signal });
  const found = await reply.json();
  if (reply.status === 401) $("key").showModal();
  if (!reply.ok) throw new Error(found.error.message);
  return found;
}

function marked(snippet) { // places count characters, not UTF-16 units
  const characters = Array.from(snippet.text), parts = [];
  let at = 0;
  for (const [start, end] of snippet.marks) {
    parts.push(characters.slice(at, start).join(""));
    parts.push(element("mark", {}, characters.slice(start, end).join("")));
    at = end;
  }
  return [...parts, characters.slice(at).join("")];
}

async function unfold(item, hit) { // the whole document, all its passages
  const there = item.querySelector(".whole");
  if (there) return there.remove();
  const found = await ask(`documents/${hit.id.split("/").map(encodeURIComponent).join("/")}`);
  const text = found.passages.map(passage => passage.text).join("\n\n");
  item.append(element("div", { className: "whole", dir: "auto" }, text));
}

async function similar(hit) {
  try {
    const found = await ask(`similar?${new URLSearchParams({ passage: hit.passage })}`);
    show(found, `nearest to “${hit.title || hit.id}”`);
  } catch (error) { $("status").textContent = error.message; }
}

function itemOf(hit, best) {
  const facts = Object.entries(hit.metadata).map(([name, value]) => `${name}: ${value.replaceAll("\t", ", ")}`);
  const bar = element("i");
  bar.style.width = `${Math.round(100 * Math.max(0, hit.score / best))}%`;
  const title = element("h2", { dir: "auto" }, hit.title || hit.id);
  const near = element("button", { type: "button", onclick: () => similar(hit) }, "similar");
  const about = element("p", { className: "about" },
    element("span", { title: "score" }, element("span", { className: "bar" }, bar), ` ${hit.score.toFixed(3)}`),
    ...[hit.id, hit.lang, ...facts].filter(Boolean).map(fact => element("span", {}, fact)), near);
  const item = element("li", { tabIndex: 0 },
    title, element("p", { dir: "auto" }, ...marked(hit.snippet)), about);
  title.onclick = () => unfold(item, hit);
  item.onkeydown = event => { if (event.key === "Enter" && event.target === item) unfold(item, hit); };
  return item;
}

function show(found, what) {
  const best = Math.max(...found.hits.map(hit => hit.score), 1e-9);
  $("hits").replaceChildren(...found.hits.map(hit => itemOf(hit, best)));
  $("status").textContent = `${what}${found.hits.length ? "" : ": nothing found"} · ${found.milliseconds} ms`;
}

async function search() {
  if (asked) asked.abort();
  const query = $("query").value.trim(), value = $("value").value.trim();
  const mode = document.querySelector("[name=mode]:checked")?.value;
  history.replaceState(null, "", query ? `?${new URLSearchParams({ q: query, mode })}` : location.pathname);
  if (!query) { $("hits").replaceChildren(); $("status").textContent = ""; return; }
  asked = new AbortController();
  const where = value ? { [$("field").value]: value } : {};
  try { show(await ask("search", { query, mode, where, k: 20 }, asked.signal), mode); }
  catch (error) { if (error.name !== "AbortError") $("status").textContent = error.message; }
}

function soon() { clearTimeout(timer); timer = setTimeout(search, WAIT); }

function move(step) {
  const items = [...$("hits").children], at = items.indexOf(document.activeElement.closest("li"));
  const next = items[at + step];
  if (next) next.focus(); else if (at + step < 0) $("query").focus();
}

document.addEventListener("keydown", event => {
  const typing = /INPUT|SELECT/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing) { event.preventDefault(); $("query").select(); }
  if (event.key === "Escape" && !$("key").open) $("query").select();
  if (typing && document.activeElement !== $("query")) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    move(event.key === "ArrowDown" ? 1 : -1);
  }
});
$("form").onsubmit = event => { event.preventDefault(); search(); };
$("key").onclose = () => { sessionStorage.setItem("key", $("secret").value); search(); };
for (const id of ["query", "value"]) $(id).oninput = soon;
$("field").onchange = soon;

ask("health").then(about => {
  const given = new URLSearchParams(location.search);
  document.title = `Search: ${about.model}`;
  for (const mode of about.modes) {
    const input = element("input", { type: "radio", name: "mode", value: mode, onchange: search });
    input.checked = mode === (about.modes.includes(given.get("mode")) ? given.get("mode") : about.modes[0]);
    $("modes").append(element("label", {}, input, ` ${mode}`));
  }
  $("filter").hidden = !about.fields.length;
  $("field").append(...about.fields.map(name => element("option", {}, name)));
  if (given.get("q")) { $("query").value = given.get("q"); search(); }
  else $("status").textContent = `${about.passages.toLocaleString()} passages`;
});
