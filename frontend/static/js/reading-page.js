// Shows the API's description. Swagger UI comes from its package and is used as it is.
"use strict";

const place = document.getElementById("reading-page");
SwaggerUIBundle({
  url: place.dataset.description,
  domNode: place,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
});
