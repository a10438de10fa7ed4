// All tests, in one process: they share the servers. The last one of `restarts.js` stops one.

import "./parts.js";
import "./client.js";
import "./browser.js";
import "./restarts.js";
