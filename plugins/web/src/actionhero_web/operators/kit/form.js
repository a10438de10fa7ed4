// A form with a field for each input of an action. All values are texts, as on the command line.

import { create, setText } from "./elements.js";

export class Form {
  /** @param {object[]} fields The fields, as the server describes them. */
  constructor(fields, onChange = () => {}) {
    this.fields = fields.map((field) => this.#createField(field, onChange));
    this.element = create("div", { class: "fields" }, ...this.fields.map((field) => field.element));
  }

  /** Returns the texts of the inputs that have one, by name. */
  values() {
    const values = {};
    for (const { field, control } of this.fields) {
      if (control.value !== "") values[field.name] = [control.value];
    }
    return values;
  }

  /** Returns the inputs by name, each as JSON, for `curl`; secrets are not in it. */
  json() {
    const values = {};
    for (const { field, control } of this.fields) {
      if (control.value === "") continue;
      values[field.name] = field.secret ? '"…"' : jsonOf(field, control.value);
    }
    return values;
  }

  /** Shows the errors of inputs beside them, and returns those of other inputs. */
  showProblems(problems) {
    const others = [];
    for (const { error, control } of this.fields) {
      setText(error, "");
      control.removeAttribute("aria-invalid");
    }
    for (const problem of problems) {
      const name = (problem.pointer ?? "").split("/")[1];
      const match = this.fields.find(({ field }) => field.name === name);
      if (match === undefined) others.push(problem);
      else {
        setText(match.error, problem.message ?? problem.detail ?? "invalid");
        match.control.setAttribute("aria-invalid", "true");
      }
    }
    this.fields.find(({ control }) => control.hasAttribute("aria-invalid"))?.control.focus();
    return others;
  }

  #createField(field, onChange) {
    const id = `field-${field.name}`;
    const note = `${id}-note`;
    const control = controlOf(field, { id, "aria-describedby": note, required: field.required });
    control.addEventListener("input", onChange);
    const error = create("span", { class: "error" });
    const description = [field.description, field.default && `Default: ${field.default}`].filter(Boolean);
    const label = create("label", { for: id }, create("span", {}, field.name));
    if (field.required) label.append(create("span", { class: "required", "aria-hidden": "true" }, " *"));
    label.append(create("small", { class: "muted" }, ` ${kindOf(field)}`));
    const notes = create("p", { class: "note", id: note }, error, description.join(" "));
    return { field, control, error, element: create("div", { class: "field" }, label, control, notes) };
  }
}

function controlOf(field, attributes) {
  if (field.kind === "choice" || field.kind === "boolean") {
    const options = field.kind === "boolean" ? ["true", "false"] : field.options;
    const select = create("select", attributes, create("option", { value: "" }, "–"));
    select.append(...options.map((option) => create("option", { value: option }, option)));
    return select;
  }
  if (field.kind === "file") return create("input", { ...attributes, disabled: true, placeholder: "files cannot be sent" });
  if (field.kind === "json" || field.kind === "long") {
    const placeholder = field.kind === "json" ? "JSON" : null;
    return create("textarea", { ...attributes, rows: 3, spellcheck: "false", placeholder });
  }
  const type = field.secret ? "password" : "text";
  const mode = { integer: "numeric", number: "decimal" }[field.kind] ?? null;
  return create("input", { ...attributes, type, inputmode: mode, autocomplete: field.secret ? "new-password" : "off", spellcheck: "false" });
}

const kindOf = (field) => ({ choice: "one of", long: "text" })[field.kind] ?? field.kind;

/** Returns the text as it is if it is JSON, as a parsed number would lose digits beyond 2^53. */
function jsonOf(field, text) {
  if (field.kind === "text" || field.kind === "long") return JSON.stringify(text);
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}
