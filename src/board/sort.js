"use strict";
// A click on a column's head sorts its table: numbers by data-value, largest first; what is missing stays last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const key = row => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
    const numbers = head.classList.contains("number");
    const falling = numbers ? head.ariaSort !== "descending" : head.ariaSort === "ascending";
    const sign = falling ? -1 : 1;
    const compare = (a, b) => numbers ? sign * (a - b) : sign * a.localeCompare(b);
    const rows = [...body.rows].map(row => [key(row), row]);
    rows.sort(([a], [b]) => (a === "") - (b === "") || (a === "" ? 0 : compare(a, b)));
    body.append(...rows.map(([, row]) => row));
    heads.forEach(other => { other.ariaSort = null; });
    head.ariaSort = falling ? "descending" : "ascending";
  }));
}
