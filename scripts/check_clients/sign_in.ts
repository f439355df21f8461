// Signs in with the generated TypeScript client. Usage: sign_in.js API-URL INBOX-URL NUMBER
import { AccountApi, Configuration, ResponseError, SessionsApi, SignInApi } from "./index";

declare const process: { argv: string[]; exit(status: number): never };

const [basePath, inbox, number] = process.argv.slice(2);

async function code(): Promise<string> {
  for (let tries = 0; tries < 200; tries++) {
    const answer = await fetch(`${inbox}/_sim/messages?receptor=${number}&limit=1`);
    const found: { code: string | null }[] = await answer.json();
    if (found[0]?.code) return found[0].code;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("no message has arrived");
}

async function signIn() {
  const api = new SignInApi(new Configuration({ basePath }));
  const sent = await api.requestCode({ codeRequest: { phoneNumber: number } });
  const verification = { sessionId: sent.sessionId, code: await code() };
  const tokens = await api.verifyCode({ verification });
  const me = (accessToken: string) =>
    new AccountApi(new Configuration({ basePath, accessToken })).showProfile();
  const profile = await me(tokens.accessToken);
  if (profile.phoneNumber !== `+98${number.slice(1)}`) throw new Error(profile.phoneNumber);
  const sessions = new SessionsApi(new Configuration({ basePath }));
  const refreshRequest = { refreshToken: tokens.refreshToken };
  const refreshed = await sessions.refreshTokens({ refreshRequest });
  if ((await me(refreshed.accessToken)).id !== profile.id) throw new Error("another user");
  const wrong = api.verifyCode({ verification: { phoneNumber: number, code: "000000" } });
  const error = await wrong.then(() => undefined, (error: unknown) => error);
  if (!(error instanceof ResponseError)) throw new Error("a wrong code was taken");
  const problem = await error.response.json();
  if (problem.code !== "code_wrong") throw new Error(problem.code);
  console.log(`TypeScript: signed in as ${profile.phoneNumber}`);
}

signIn().catch((error) => {
  console.error(error);
  process.exit(1);
});
