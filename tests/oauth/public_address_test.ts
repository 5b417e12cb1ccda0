import assert from "node:assert/strict";
import { isPublicAddress } from "../../lib/oauth/public_address.ts";

const PUBLIC = [
  "8.8.8.8",
  "1.1.1.1",
  "93.184.215.14",
  "172.15.255.255",
  "172.32.0.1",
  "100.63.255.255",
  "100.128.0.1",
  "169.253.255.255",
  "192.167.255.255",
  "2606:4700:4700::1111",
  "2a00:1450:4001:82b::200e",
  "2001:4860:4860::8888",
];

const NOT_PUBLIC = [
  // This machine, in every spelling.
  "127.0.0.1",
  "127.255.255.254",
  "127.1",
  "0177.0.0.1",
  "0x7f.0.0.1",
  "0x7f000001",
  "2130706433",
  "017700000001",
  "::1",
  "0:0:0:0:0:0:0:1",
  // Private, shared, link-local: the cloud's metadata service among them.
  "10.0.0.1",
  "10.255.255.255",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.0.1",
  "100.64.0.1",
  "100.127.255.255",
  "169.254.169.254",
  "fc00::1",
  "fd00:ec2::254",
  "fe80::1",
  "fe80::1%eth0",
  "fec0::1",
  // Unspecified, multicast, broadcast, reserved, documentation, benchmarking.
  "0.0.0.0",
  "0.1.2.3",
  "::",
  "224.0.0.1",
  "239.255.255.255",
  "ff02::1",
  "255.255.255.255",
  "240.0.0.1",
  "192.0.0.8",
  "192.0.2.1",
  "192.88.99.1",
  "198.18.0.1",
  "198.51.100.1",
  "203.0.113.1",
  "100::1",
  "2001:db8::1",
  "2001:2::1",
  "3fff::1",
  "4000::1",
  "5f00::1",
  // An IPv4 address inside an IPv6 one: mapped, compatible, translated.
  "::ffff:127.0.0.1",
  "::ffff:7f00:1",
  "::ffff:10.0.0.1",
  "::ffff:8.8.8.8",
  "::127.0.0.1",
  "::7f00:1",
  "::ffff:0:127.0.0.1",
  // NAT64, well-known and local.
  "64:ff9b::127.0.0.1",
  "64:ff9b::a9fe:a9fe",
  "64:ff9b:1::10.0.0.1",
  "64:ff9b:1:ffff::1",
  // 6to4, Teredo, ISATAP.
  "2002:7f00:1::",
  "2002:a00:1::1",
  "2002:c0a8:101::1",
  "2001::1",
  "2001:0:4136:e378:8000:63bf:3fff:fdd2",
  "2a00::5efe:10.0.0.1",
  "2a00::200:5efe:10.0.0.1",
  // No addresses.
  "",
  "localhost",
  "256.0.0.1",
  "1.2.3.4.5",
  "::g",
  "8.8.8.8:80",
];

// fastmcp 5de15e0c2, fastmcp c1b0396c0: NAT64, 6to4, Teredo and ISATAP led to private addresses.
Deno.test("only addresses of the public internet are public (AS-22, SSRF-1)", () => {
  assert.ok(NOT_PUBLIC.length >= 30);
  for (const address of PUBLIC) assert.equal(isPublicAddress(address), true, address);
  for (const address of NOT_PUBLIC) assert.equal(isPublicAddress(address), false, address);
});
