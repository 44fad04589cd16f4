import { expose } from "comlink";
import { messageOf } from "../cells/notebook.ts";
import { Lab } from "./lab.ts";

expose(new Lab());

// What a cell left running may fail later: said below the cell that ran last.
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  console.error(messageOf(event.reason));
});
