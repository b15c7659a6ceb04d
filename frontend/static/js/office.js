// The back offices come from django-unfold and its parts; here is what they leave without a name.
// A field that finds rows as one types (select2) is called as the field it stands for (WCAG 2.2, 4.1.2).
function nameSearches() {
  for (const search of document.querySelectorAll(".select2-search__field")) {
    const field = search.closest(".select2")?.previousElementSibling;
    const label = field?.labels?.[0]?.textContent.trim();
    if (label) search.setAttribute("aria-label", label);
  }
}

// jQuery calls in order: select2 has been put in place by then.
window.addEventListener("load", () => window.django?.jQuery?.(nameSearches));
