// @ts-check
/** What people have written, on its way to the screen or to the server. */

import { h } from "./dom.js";

/** Characters of a message, counted as the server does: by code points. */
export const LONGEST = 4096;

/** @param {string} text */
export const lengthOf = (text) => (text.length <= LONGEST ? text.length : [...text].length);

/** Without blank lines before it and white space behind. @param {string} text */
export const trimmed = (text) => text.replace(/^(?:[^\S\n]*\n)+/, "").replace(/\s+$/, "");

/**
 * Parts that are no longer than a message may be, divided where it hurts least: between paragraphs,
 * lines, sentences, words.
 * @param {string} text @returns {string[]}
 */
export function parts(text, most = LONGEST) {
  const found = [];
  let rest = trimmed(text);
  for (;;) {
    const characters = [...rest];
    if (characters.length <= most) break;
    const head = characters.slice(0, most).join("");
    const end = endOf(head);
    const part = trimmed(head.slice(0, end));
    if (part) found.push(part);
    rest = trimmed(rest.slice(end));
  }
  return rest ? [...found, rest] : found;
}

/** @param {string} head */
function endOf(head) {
  // Not so early that a part would be a mere scrap.
  const least = head.length / 2;
  for (const mark of ["\n\n", "\n", ". ", " "]) {
    const at = head.lastIndexOf(mark);
    if (at >= least) return at + mark.length;
  }
  return head.length;
}

const ADDRESS = /\bhttps?:\/\/[^\s<>"«»“”`]+/gi;
const TRAILING = /[.,:;!?'’*_~…]+$/;
const PAIRS = [["(", ")"], ["[", "]"], ["{", "}"]];

/** What of it is the address, and not the sentence around it. @param {string} found */
function addressIn(found) {
  for (let address = found; ; ) {
    const before = address;
    address = address.replace(TRAILING, "");
    for (const [open, close] of PAIRS) {
      const unpaired = address.endsWith(close) && address.split(close).length > address.split(open).length;
      if (unpaired) address = address.slice(0, -1);
    }
    if (address === before) return address;
  }
}

/** @param {string} address */
function isLink(address) {
  try {
    const { protocol, hostname } = new URL(address);
    return (protocol === "https:" || protocol === "http:") && hostname !== "";
  } catch {
    return false;
  }
}

/** The text with its addresses as links. @param {string} text @returns {(Node | string)[]} */
export function linked(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = addressIn(match[0]);
    if (!isLink(address)) continue;
    if (match.index > end) found.push(text.slice(end, match.index));
    // In other words than `target`: the page that opens knows nothing of this one.
    found.push(h("a", { href: address, target: "_blank", rel: "noopener noreferrer", tabindex: -1 }, address));
    end = match.index + address.length;
  }
  if (end < text.length) found.push(text.slice(end));
  return found;
}

const FEW_EMOJI = /^(?:\p{Emoji_Presentation}|\p{Emoji}\uFE0F|\p{Regional_Indicator}{2}|\p{Emoji_Modifier}|\u200D|\s){1,24}$/u;
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Up to three emoji and nothing else: they are shown large. @param {string} text */
export function isOnlyEmoji(text) {
  if (text.length > 40 || !FEW_EMOJI.test(text)) return false;
  const count = [...graphemes.segment(text.replace(/\s/g, ""))].length;
  return count > 0 && count <= 3;
}

/** On one line. @param {string} text */
export const oneLine = (text, most = 200) => text.slice(0, most * 2).replace(/\s+/g, " ").trim().slice(0, most);

/** Instead of a picture. @param {string} name */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const picked = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return picked.map((word) => [...word.replace(/^[^\p{L}\p{N}]+/u, "")][0]).join("").toLocaleUpperCase() || "#";
}
