import * as actionhero from "/actionhero/client.js";

window.actionhero = actionhero;
