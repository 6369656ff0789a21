"use strict";

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: true,
  supportedSubmitMethods: ["get", "post"],
  validatorUrl: null,
});
