// Our members beside those of the reference's newest release.
import { describeCluster, describeFallenBehind } from "./mixed-cases.ts";

describeCluster(["ours", "reference", "reference"], "whole");
describeCluster(["ours", "ours", "reference"], "whole");
describeFallenBehind("reference");
