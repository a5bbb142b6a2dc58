"use strict";
(() => {
  const main = document.querySelector("main.bc");
  const search = document.getElementById("bc-search");
  const found = document.getElementById("bc-found");
  const entries = [...main.querySelectorAll(".bc-card, .bc-list > li, .bc-clauses tbody tr[class^='o-'], .bc-checks tbody tr")];
  const groups = [...main.querySelectorAll("#section-failed, #section-error, #section-warned, #section-waived, .bc-clauses tbody")];
  const texts = new Map();
  const text = entry => {
    if (!texts.has(entry)) texts.set(entry, entry.textContent.toLowerCase());
    return texts.get(entry);
  };
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const entry of entries) {
      entry.hidden = !words.every(word => text(entry).includes(word));
      if (!entry.hidden && !entry.closest(".bc-clauses, .bc-checks")) count += 1;
    }
    for (const group of groups) {
      const own = entries.filter(entry => group.contains(entry));
      group.hidden = words.length > 0 && own.length > 0 && own.every(entry => entry.hidden);
    }
    const rows = main.querySelectorAll(".bc-clauses tbody tr[class^='o-']:not([hidden])").length;
    found.textContent = words.length ? `${rows} clauses, ${count} with details` : "";
  });
  document.getElementById("bc-tools").hidden = false;
  for (const block of main.querySelectorAll("pre.bc-curl")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "bc-copy";
    button.textContent = "Copy";
    button.addEventListener("click", () => {
      const done = () => { button.textContent = "Copied"; setTimeout(() => { button.textContent = "Copy"; }, 1500); };
      const select = () => { getSelection().selectAllChildren(block); document.execCommand("copy"); done(); };
      if (navigator.clipboard) navigator.clipboard.writeText(block.textContent).then(done, select); else select();
    });
    block.before(button);
  }
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target && target.parentElement; at; at = at.parentElement) if (at.localName === "details") at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();
})();
