import assert from "node:assert/strict";
import { OAuthError } from "../../lib/errors.ts";
import {
  appendToRedirectUri,
  assertRedirectUri,
  matchesRedirectUri,
} from "../../lib/oauth/redirect_uri.ts";

/** Each URI with the kinds of client that may register it. */
const REGISTRATIONS: [uri: string, native: boolean, web: boolean][] = [
  ["http://localhost/callback", true, false],
  ["http://localhost:3000/callback", true, false],
  ["http://127.0.0.1/callback", true, false],
  ["http://127.0.0.1:33418/callback?x=1", true, false],
  ["http://[::1]:8080/callback", true, false],
  ["http://127.0.0.1:33418", true, false],
  ["https://claude.ai/api/mcp/auth_callback", true, true],
  ["https://app.example.com:8443/cb", true, true],
  ["https://example.com", true, true],
  ["https://vscode.dev/redirect", true, true],
  ["https://xn--bcher-kva.example/cb", true, true],
  ["https://localhost:3000/cb", true, false],
  ["https://app.localhost/cb", true, false],
  ["cursor://anysphere.cursor-retrieval/oauth/user-workos/callback", true, false],
  ["vscode://vscode.github-authentication/did-authenticate", true, false],
  ["com.example.app:/oauth2redirect", true, false],
  ["com.example.app://callback", true, false],
  // Hosts that only look like this machine.
  ["http://localhost.evil.com/callback", false, false],
  ["http://127.0.0.1.evil.com/callback", false, false],
  ["http://127.0.0.1@evil.com/callback", false, false],
  ["http://localhost:80@evil.com/callback", false, false],
  ["http://localhost:pass@evil.com/", false, false],
  ["http://evil.com#@localhost/", false, false],
  ["http://localhost\\@evil.com/", false, false],
  ["http://localhost\\.evil.com/", false, false],
  ["http://0.0.0.0/callback", false, false],
  ["http://0/callback", false, false],
  ["http://127.1/callback", false, false],
  ["http://127.0.0.2/callback", false, false],
  ["http://2130706433/callback", false, false],
  ["http://0x7f000001/callback", false, false],
  ["http://0177.0.0.1/callback", false, false],
  ["http://[::]/callback", false, false],
  ["http://[::ffff:127.0.0.1]/callback", false, false],
  ["http://[0:0:0:0:0:0:0:1]/callback", false, false],
  ["http://[::1%25eth0]/callback", false, false],
  ["http://localhost./callback", false, false],
  ["http://LOCALHOST/callback", false, false],
  ["HTTP://localhost/callback", false, false],
  ["http://example.com/callback", false, false],
  ["http://localhost:99999/callback", false, false],
  ["http://localhost:/callback", false, false],
  ["http://user@localhost/callback", false, false],
  ["https://user@example.com/callback", false, false],
  ["https://user:pass@example.com/callback", false, false],
  ["https://example.com./callback", false, false],
  ["https://1.2.3.4/callback", false, false],
  ["https://[2001:db8::1]/callback", false, false],
  // Hosts that URL parsers rewrite: what is shown and compared would not be where it goes.
  ["https://0x7f000001/callback", false, false],
  ["https://0x7f.1/callback", false, false],
  ["https://2130706433/callback", false, false],
  ["https://127.1/callback", false, false],
  ["https://0177.0.0.1/callback", false, false],
  ["https://EXAMPLE.com/callback", true, true],
  // Parts that matching could be walked around with.
  ["https://example.com/callback#fragment", false, false],
  ["https://example.com/callback#", false, false],
  ["https://*.example.com/callback", false, false],
  ["https://example.com/*", false, false],
  ["https://example.com/a/../callback", false, false],
  ["https://example.com/a/./callback", false, false],
  ["https://example.com/a/%2e%2e/callback", false, false],
  ["https://example.com/a/.%2E/callback", false, false],
  ["https://example.com/a/..", false, false],
  ["https://example.com/a/..?x=1", false, false],
  ["https://example.com/call back", false, false],
  ["https://example.com/call\tback", false, false],
  ["https://example.com/call\nback", false, false],
  ["https://ex\u0430mple.com/callback", false, false],
  ['https://example.com/"onload="x', false, false],
  ["https://example.com/<script>", false, false],
  [`https://example.com/${"a".repeat(2048)}`, false, false],
  // Schemes that run, read or download something.
  ["javascript:alert(1)", false, false],
  ["javascript://localhost/%0aalert(1)", false, false],
  ["JaVaScRiPt:alert(1)", false, false],
  ["data:text/html,x", false, false],
  ["vbscript:x", false, false],
  ["file:///etc/passwd", false, false],
  ["blob:https://example.com/x", false, false],
  ["about:blank", false, false],
  ["view-source:https://example.com", false, false],
  ["ws://localhost/callback", false, false],
  ["wss://example.com/callback", false, false],
  ["ftp://example.com/callback", false, false],
  ["myapp://callback", false, false],
  ["mailto:a@b.example", false, false],
  ["urn:ietf:wg:oauth:2.0:oob", false, false],
  ["com.example.app://user@host/callback", false, false],
  ["//example.com/callback", false, false],
  ["/callback", false, false],
  ["", false, false],
];

// fastmcp 67527c1f6, GHSA-q9xg-f2v2-695g, workers-oauth-provider#97: schemes that a list of bad ones
// had forgotten. fastmcp 1e67c53a1: dot segments. punkpeye/fastmcp#346: user info that looks like a
// host. fastmcp b07f9ce9a: what kind of app may have which.
for (const [uri, native, web] of REGISTRATIONS) {
  const shown = uri.length > 60 ? `${uri.slice(0, 60)}…` : JSON.stringify(uri);
  Deno.test(`redirect URI ${shown}: native ${native}, web ${web} (AS-10, AS-12)`, () => {
    const accepts = (type: "native" | "web") => {
      try {
        assertRedirectUri(uri, type);
        return true;
      } catch (error) {
        assert.ok(error instanceof OAuthError);
        assert.equal(error.code, "invalid_redirect_uri");
        return false;
      }
    };
    assert.deepEqual({ native: accepts("native"), web: accepts("web") }, { native, web });
  });
}

const MATCHES: [registered: string, requested: string, matches: boolean][] = [
  ["http://127.0.0.1:1234/cb", "http://127.0.0.1:1234/cb", true],
  ["http://127.0.0.1:1234/cb", "http://127.0.0.1:65535/cb", true],
  ["http://127.0.0.1:1234/cb", "http://127.0.0.1/cb", true],
  ["http://127.0.0.1/cb", "http://127.0.0.1:9/cb", true],
  ["http://[::1]/cb", "http://[::1]:9/cb", true],
  ["http://localhost/cb", "http://localhost:9/cb", true],
  ["http://localhost/cb", "http://127.0.0.1/cb", false],
  ["http://127.0.0.1/cb", "http://localhost/cb", false],
  ["http://127.0.0.1/cb", "http://[::1]/cb", false],
  ["http://127.0.0.1/cb", "http://127.0.0.1/cb/", false],
  ["http://127.0.0.1/cb", "http://127.0.0.1/CB", false],
  ["http://127.0.0.1/cb", "http://127.0.0.1/cb?x=1", false],
  ["http://127.0.0.1/cb?x=1", "http://127.0.0.1:9/cb?x=1", true],
  ["http://127.0.0.1/cb", "http://127.0.0.1:99999/cb", false],
  ["http://127.0.0.1/cb", "http://127.0.0.1:9@evil.com/cb", false],
  ["http://127.0.0.1/cb", "https://127.0.0.1/cb", false],
  ["http://127.0.0.1/cb", "http://127.0.0.1:9/x/../cb", false],
  ["https://example.com/cb", "https://example.com/cb", true],
  ["https://example.com/cb", "https://example.com:444/cb", false],
  ["https://example.com/cb", "https://example.com:443/cb", false],
  ["https://example.com/cb", "https://example.com/cb/../cb", false],
  ["https://example.com/cb", "https://EXAMPLE.com/cb", false],
  ["https://example.com/cb", "https://example.com/cb#x", false],
  ["https://localhost/cb", "https://localhost:9/cb", false],
];

// fastmcp cccb529f5: any URI would do. fastmcp 204e56622: not even the port could differ.
for (const [registered, requested, matches] of MATCHES) {
  Deno.test(`${requested} ${matches ? "matches" : "is not"} ${registered} (AS-11; CD-10)`, () => {
    assert.equal(matchesRedirectUri([registered], requested, "native"), matches);
  });
}

Deno.test("the port is free for native clients only", () => {
  const registered = ["http://127.0.0.1:1/cb"];
  assert.ok(matchesRedirectUri(registered, "http://127.0.0.1:2/cb", "native"));
  assert.ok(!matchesRedirectUri(registered, "http://127.0.0.1:2/cb", "web"));
});

// fastmcp 67e844838: `iss` came twice, and the client's own query was encoded anew.
Deno.test("the client's query bytes survive, and parameters of ours appear once", () => {
  const append = (uri: string) => appendToRedirectUri(uri, { code: "c d", iss: "http://x" });
  assert.equal(
    append("https://a.example/cb"),
    "https://a.example/cb?code=c%20d&iss=http%3A%2F%2Fx",
  );
  assert.equal(
    append("https://a.example/cb?q=%7e+x&&b"),
    "https://a.example/cb?q=%7e+x&&b&code=c%20d&iss=http%3A%2F%2Fx",
  );
  assert.equal(
    append("https://a.example/cb?iss=evil&co%64e=evil&x=1"),
    "https://a.example/cb?x=1&code=c%20d&iss=http%3A%2F%2Fx",
  );
  assert.equal(
    append("https://a.example/cb?"),
    "https://a.example/cb?code=c%20d&iss=http%3A%2F%2Fx",
  );
});

Deno.test("what an earlier answer left in a redirect URI does not stand beside the new one", () => {
  assert.equal(
    appendToRedirectUri("https://a.example/cb?code=old&state=old&x=1", { error: "access_denied" }),
    "https://a.example/cb?x=1&error=access_denied",
  );
});
