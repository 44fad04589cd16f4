import { effect } from "@preact/signals";
import { tagging } from "./session.ts";

/** The title of the page, and what is below it, where the network tags names instead of writing. */
const forTags = [
  ["h1", "Watch a network tell names apart"],
  [
    ".lead",
    "It reads names one character at a time, says which are first names and which are last names, and learns from its mistakes: on your machine, inside this page.",
  ],
] as const;

/** Keeps the title in step with what the network learns. */
export function keepHeading(): void {
  for (const [place, text] of forTags) {
    const element = document.querySelector(place)!;
    const usual = element.textContent;
    effect(() => {
      element.textContent = tagging() ? text : usual;
    });
  }
}
