// @ts-check
/** Emoji that people pick from, as Unicode writes them in full. */

/** A like, everywhere in the API. */
export const LIKE = "❤️";
/** One press away, in the menu of a message. */
export const QUICK = ["👍", LIKE, "😂", "😮", "😢", "🙏"];

/** By the id of their heading's text. @type {Record<string, string[]>} */
export const GROUPS = {
  emoji_faces: [
    ..."😀😃😄😁😆😅🤣😂🙂🙃😉😊😇🥰😍🤩😘😗😚😙🥲😋😛😜🤪😝🤑🤗🤭🤫🤔🤐🤨😐😑😶😏😒🙄😬🤥😌😔😪🤤😴😷🤒🤕🤢🤮🤧🥵🥶🥴😵🤯🤠🥳🥸😎🤓🧐😕😟🙁😮😯😲😳🥺😦😧😨😰😥😢😭😱😖😣😞😓😩😫🥱😤😡😠🤬😈👿💀💩🤡👻👽🤖😺😸😹😻😼😽🙀😿😾🙈🙉🙊",
  ],
  emoji_people: [
    ..."👋🤚🖖👌🤌🤏🤞🤟🤘🤙👈👉👆🖕👇👍👎✊👊🤛🤜👏🙌👐🤲🤝🙏💅🤳💪🧠👀👅👄👶🧒👦👧🧑👨👩🧓👴👵🙍🙎🙅🙆💁🙋🙇🤦🤷👮👷🤴👸🦸🦹🧙🧚🧛🧜🧝🧟💆💇🚶🏃💃🕺👯🧗🏊🚴👫💑👪",
  ],
  emoji_hearts: [
    LIKE, ..."🧡💛💚💙💜🖤🤍🤎💔💕💞💓💗💖💘💝💟💌💋💯💢💥💫💦💨💬💭💤🔥✨🌟⭐🎉🎊🎈🎁🏆🥇🥈🥉",
  ],
  emoji_nature: [
    ..."🐶🐱🐭🐹🐰🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧🐦🐤🦆🦅🦉🐺🐗🐴🦄🐝🐛🦋🐌🐞🐜🐢🐍🦎🐙🦑🦐🦀🐡🐠🐟🐬🐳🦈🐊🐅🐘🐪🦒🐄🐎🐖🐑🐐🦌🐕🐈🐓🦃🦚🐇🦝🐁🦔🐾🌵🎄🌲🌳🌴🌱🌿🍀🍂🍁🍄🌾💐🌷🌹🌺🌸🌼🌻🌞🌝🌚🌍🌈⚡🌊⛄",
  ],
  emoji_food: [
    ..."🍏🍎🍐🍊🍋🍌🍉🍇🍓🍈🍒🍑🥭🍍🥥🥝🍅🍆🥑🥦🥒🌽🥕🥔🍠🥐🍞🥖🧀🥚🍳🥞🥓🥩🍗🌭🍔🍟🍕🥪🌮🌯🥗🍝🍜🍲🍛🍣🍱🍤🍙🍚🍦🍧🍨🍩🍪🎂🍰🧁🥧🍫🍬🍭🍯🍼🥛☕🍵🍶🍺🍻🥂🍷🥃🍸🍹🥤",
  ],
  emoji_things: [
    ..."⚽🏀🏈⚾🎾🏐🏉🎱🏓🏸🥅🎣🥊🎯🎮🎲🧩🎨🎬🎤🎧🎼🎹🥁🎷🎺🎸🎻🚗🚕🚌🚑🚒🚚🚲🛴🚂✈🚀🛸🚁⛵🚢⌚📱💻📷🎥📞📺⏰⏳💡🔦💰💳💎🔧🔨🔩🧲💣🔪🔮🔭🔬💊💉🧬🧹🧻🚽🚿🔑🚪🛋🛒📦📚📖📝📎📌📅📈🔒🔓🔔📢",
  ],
  emoji_signs: [
    ..."✅❌❓❗⭕🚫💲🔴🟠🟡🟢🔵🟣⚫⚪🔺🔻🔶🔷🏁🚩🎌🏴🆗🆒🆕🔝🔜",
  ],
};

/** Shown as text unless this stands behind them. */
const AS_PICTURE = "\uFE0F";
const PLAIN = new Set([..."✈🛋🖖"].filter((one) => !/\p{Emoji_Presentation}/u.test(one)));
for (const list of Object.values(GROUPS)) list.forEach((one, at) => PLAIN.has(one) && (list[at] = one + AS_PICTURE));
