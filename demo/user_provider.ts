// The provider of users, com.k8s.User.UserProvider on port 20000; see provider.ts.

import { runProvider } from "./provider.ts";
import { USERS } from "./record.ts";

await runProvider(USERS);
