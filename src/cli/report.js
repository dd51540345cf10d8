/* SPDX-License-Identifier: Apache-2.0 */
(function () {
  "use strict";
  var table = document.querySelector("table"), body = table && table.tBodies[0];
  if (!body) return;
  function value(row, column) {
    var cell = row.cells[column], text = cell.getAttribute("data-v");
    return text === null ? cell.textContent : Number(text);
  }
  Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head, column) {
    if (head.hasAttribute("data-fixed")) return;
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.appendChild(button);
    button.addEventListener("click", function () {
      var up = head.getAttribute("aria-sort") === "descending" || (!head.hasAttribute("aria-sort") && !head.classList.contains("n"));
      Array.prototype.forEach.call(head.parentNode.cells, function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      var rows = Array.prototype.map.call(body.rows, function (row) { return [value(row, column), row]; });
      rows.sort(function (a, b) {
        var order = typeof a[0] === "number" ? a[0] - b[0] : a[0].localeCompare(b[0], undefined, { numeric: true });
        return up ? order : -order;
      });
      rows.forEach(function (row) { body.appendChild(row[1]); });
    });
  });
})();
