// Returns to the panel of the address after the sign-in: the redirect keeps the fragment of the form.

const form = document.querySelector("form");
const keep = () => {
  const url = new URL(form.action);
  url.hash = location.hash;
  form.action = url;
};
addEventListener("hashchange", keep);
keep();
