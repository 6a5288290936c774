// app/api/me/route: answers as the user of the request.
import { isTokenStoreError } from "@tokenkeep/core";
import { tokens } from "../../../lib/tokens.mjs";

export const runtime = "nodejs"; // the stores need Node.js, not the edge runtime
export const dynamic = "force-dynamic"; // never cached: each user has an answer of their own

export async function GET(request) {
  // who asks is for your session to say; here it is a header
  const user = { userSignature: { name: request.headers.get("x-user") ?? "" } };
  try {
    const answer = await tokens.fetch(user)(`${process.env.API_URL}/me`, { cache: "no-store" });
    return new Response(answer.body, { status: answer.status });
  } catch (error) {
    if (!isTokenStoreError(error)) throw error;
    if (error.code === "ERR_LOGIN_REQUIRED") return Response.redirect(new URL("/login", request.url));
    return Response.json({ code: error.code }, { status: error.retryable ? 503 : 500 });
  }
}
