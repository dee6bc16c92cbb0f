"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const form = document.getElementById("filters");

  // Filters: each element says in data-NAME what it is of; one that says nothing of a name stays.
  const fill = () => {
    for (const select of form.elements) {
      if (select.tagName !== "SELECT") continue;
      const found = new Set();
      for (const each of all(`[data-${select.name}]:not([data-pooled="1"])`)) found.add(each.dataset[select.name]);
      for (const each of all(`tr[data-${select.name}]`)) found.add(each.dataset[select.name]);
      // Prompts without a tag are told from those with the only one there is.
      select.parentElement.classList.toggle("lone", found.size < 2);
      found.delete("");
      for (const value of [...found].sort()) select.add(new Option(value, value));
    }
  };
  const apply = () => {
    const asked = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
    const fits = (each, names) =>
      names.every((name) => !asked[name] || each.dataset[name] === undefined || each.dataset[name] === asked[name]);
    for (const each of all(".protocol")) each.classList.toggle("off", !fits(each, ["suite", "model"]));
    for (const each of all("tr[data-method]")) {
      const shown = asked.case ? each.dataset.case === asked.case : each.dataset.pooled === "1";
      each.hidden = !shown;
      each.classList.toggle("off", !(fits(each, ["method"]) || each.classList.contains("reference")));
    }
    const measured = (each) =>
      asked.metric === "*" || !each.dataset.metric || (asked.metric ? each.dataset.metric === asked.metric : !each.matches(".further"));
    for (const each of all(".ranking [data-role]"))
      each.classList.toggle("off", Boolean(asked.role && each.dataset.role && each.dataset.role !== asked.role) || !measured(each));
    for (const each of all(".dot[data-method], .path[data-method], .cells[data-method], .legend [data-method]"))
      each.classList.toggle("off", !(fits(each, ["method"]) || each.classList.contains("reference")));
    for (const prompt of all(".prompt")) {
      const views = all(".view", prompt);
      const reference = (view) => "reference" in view.dataset;
      for (const view of views) view.classList.toggle("off", !reference(view) && !fits(view, ["method"]));
      const some = views.some((view) => (views.length === 1 || !reference(view)) && fits(view, ["method", "verdict"]));
      prompt.classList.toggle("off", !(fits(prompt, ["case", "role", "tag"]) && some));
    }
    const sections = all(".protocol:not(.off)");
    document.getElementById("nothing").hidden = sections.length > 0;
    const count = all(".protocol:not(.off) .prompt:not(.off)").length;
    document.getElementById("found").textContent = Object.keys(asked).some((name) => name !== "metric") ? `${count} prompts` : "";
  };
  if (form) {
    fill();
    apply();
    form.addEventListener("change", apply);
    form.querySelector("button").addEventListener("click", () => {
      form.reset();
      apply();
    });
  }

  // Sorting: by data-value, else by the number that a cell begins with, else by its text.
  const key = (cell) => {
    if (cell.dataset.value !== undefined) return cell.dataset.value === "" ? null : Number(cell.dataset.value);
    const text = cell.innerText.trim();
    const number = Number.parseFloat(text.replace(/,/g, ""));
    return text === "–" || text === "" ? null : Number.isNaN(number) ? text.toLowerCase() : number;
  };
  const sort = (head) => {
    const table = head.closest("table");
    const up = head.ariaSort === "ascending" ? false : head.ariaSort === "descending" ? true : !head.innerText.includes("↑");
    for (const each of all("thead th", table)) each.removeAttribute("aria-sort");
    head.ariaSort = up ? "ascending" : "descending";
    const place = head.cellIndex;
    const rows = [...table.tBodies[0].rows].map((row) => [key(row.cells[place]), row]);
    rows.sort(([a], [b]) => {
      // What was not measured stays below, either way.
      if (a === null || b === null) return (a === null) - (b === null);
      const order = typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
      return up ? order : -order;
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
  };

  // Copying: the cells that are shown, in the order that is shown.
  const cells = (table) =>
    all("tr", table).filter((row) => row.offsetParent).map((row) =>
      [...row.cells].filter((cell) => cell.offsetParent).map((cell) => cell.innerText.replace(/ [▲▼]$/, "").replace(/\s+/g, " ").trim()));
  const LATEX = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "↑": "$\\uparrow$", "↓": "$\\downarrow$", "†": "$\\dagger$", "‡": "$\\ddagger$", "–": "--", "·": "$\\cdot$", "±": "$\\pm$" };
  const FORMS = {
    CSV: (rows) => rows.map((row) => row.map((text) => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)).join(",")).join("\n"),
    Markdown: ([head, ...rows]) => {
      const line = (row) => `| ${row.map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`;
      return [line(head), `| ${head.map((_, i) => (i ? "---:" : "---")).join(" | ")} |`, ...rows.map(line)].join("\n");
    },
    LaTeX: ([head, ...rows]) => {
      const line = (row) => `${row.map((text) => text.replace(/[\\~^↑↓†‡–·±&%$#_{}]/g, (c) => LATEX[c] ?? `\\${c}`)).join(" & ")} \\\\`;
      return [`\\begin{tabular}{l${"r".repeat(head.length - 1)}}`, "\\toprule", line(head), "\\midrule", ...rows.map(line), "\\bottomrule", "\\end{tabular}"].join("\n");
    },
  };
  const copy = (button) => {
    const text = FORMS[button.dataset.copy](cells(button.closest(".tabled").querySelector("table")));
    const dialog = document.getElementById("copied");
    const area = dialog.querySelector("textarea");
    const said = dialog.querySelector("p");
    area.value = text;
    dialog.showModal();
    area.focus();
    area.select();
    said.textContent = document.execCommand("copy") ? "Copied." : "Press Ctrl+C to copy.";
  };

  const view = (link) => {
    const dialog = document.getElementById("viewer");
    const figure = link.closest("figure");
    const image = dialog.querySelector("img");
    image.src = link.href;
    image.alt = link.querySelector("img").alt;
    dialog.querySelector("p").textContent = `${link.closest(".prompt").querySelector(".text").textContent}\n${figure.querySelector("figcaption").innerText}`;
    dialog.showModal();
  };

  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest(selector);
    const head = on("thead button");
    if (head) return sort(head.closest("th"));
    if (on("[data-copy]")) return copy(on("[data-copy]"));
    if (on(".reveal")) {
      on(".protocol").querySelector(".hidden-images").classList.remove("hidden-images");
      on(".notice").remove();
      return;
    }
    const link = on(".view a");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      if (!link.closest(".hidden-images")) view(link);
    }
  });
})();
