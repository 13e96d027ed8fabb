// The captcha service: a word to be typed. Only the word: a picture of it is no matter of a mesh.
//
//   GET /captcha   settings: captcha.length, captcha.alphabet

import { randomInt } from "node:crypto";
import { runService } from "./server.ts";

const MAX_LENGTH = 32;

await runService({
  name: "poc-captcha",
  port: 8073,
  paths: ({ settings }) => ({
    "/captcha": async () => {
      const length = Number(settings.get("captcha.length", "6"));
      const alphabet = settings.get("captcha.alphabet", "ABCDEFGHJKLMNPQRSTUVWXYZ23456789");
      if (!(length >= 1 && length <= MAX_LENGTH)) throw new Error("captcha.length is not 1 to 32");
      if (alphabet === "") throw new Error("captcha.alphabet is empty");
      const letters = Array.from({ length }, () => alphabet[randomInt(alphabet.length)]);
      return { fields: { captcha: letters.join("") } };
    },
  }),
});
