// A table whose rows are updated in place. On narrow screens, each row is a card.

import { create, reconcile, setText } from "./elements.js";

export class Table {
  /**
   * @param {string} caption For screen readers.
   * @param {{title: string, text?: (row: object) => string, cell?: (row: object) => Node,
   *   draw?: (cell: Element, row: object) => void, number?: boolean, heading?: boolean,
   *   style?: (row: object) => string}[]} columns
   *   `text` returns the text of a cell; `cell` creates its content once, and `draw` updates it.
   * @param {(row: object) => string} keyOf
   */
  constructor(caption, columns, keyOf) {
    this.columns = columns;
    this.keyOf = keyOf;
    this.body = create("tbody");
    const titles = columns.map((column) =>
      create("th", { scope: "col", class: column.number ? "number" : null }, column.title),
    );
    const head = create("thead", {}, create("tr", {}, ...titles));
    this.table = create("table", {}, create("caption", { class: "visually-hidden" }, caption), head, this.body);
    this.empty = create("p", { class: "empty", hidden: true });
    this.element = create(
      "div",
      { class: "table", role: "region", "aria-label": caption, tabindex: "0" },
      this.table,
      this.empty,
    );
  }

  show(rows, emptyText = "Nothing here.") {
    this.empty.hidden = rows.length > 0;
    this.table.hidden = rows.length === 0;
    setText(this.empty, emptyText);
    reconcile(
      this.body,
      rows,
      this.keyOf,
      (row) => this.#createRow(row),
      (element, row) => this.#updateRow(element, row),
    );
  }

  #createRow(row) {
    const cells = this.columns.map((column) => {
      const attributes = { "data-title": column.title, class: column.number ? "number" : null };
      if (column.heading) attributes.scope = "row";
      return create(column.heading ? "th" : "td", attributes, column.cell?.(row) ?? null);
    });
    return create("tr", {}, ...cells);
  }

  #updateRow(element, row) {
    this.columns.forEach((column, index) => {
      const cell = element.children[index];
      if (column.text) setText(cell, column.text(row) ?? "");
      column.draw?.(cell, row);
      if (column.style) cell.className = [column.number ? "number" : "", column.style(row)].join(" ").trim();
    });
  }
}
