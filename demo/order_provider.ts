// The provider of orders, com.k8s.Order.OrderProvider on port 20001; see provider.ts.

import { runProvider } from "./provider.ts";
import { ORDERS } from "./record.ts";

await runProvider(ORDERS);
