// The contract against RUNNER=inprocess|ours|reference, ours if unset.
import { contractRunner } from "./cluster.ts";
import { contractSuite } from "./suite.ts";

contractSuite(contractRunner());
