#!/bin/sh
# Makes an authority, one certificate for every process of compose.yaml and a token, in the folder `secrets` beside this file: for trying it out.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
cd secrets
umask 077
names='DNS:localhost,IP:127.0.0.1,DNS:gateway,DNS:registry,DNS:metrics,DNS:evaluator,DNS:policy,DNS:worker'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj '/CN=NAT authority' -keyout ca.key -out ca.crt
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=nat' -keyout tls.key -out tls.csr
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$names" > tls.ext
openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -extfile tls.ext -out tls.crt
rm tls.csr tls.ext
[ -f token ] || openssl rand -hex 32 > token
printf '%s * admin\n' "$(cat token)" > tokens
[ -f database-password ] || openssl rand -hex 16 > database-password
printf 'NAT_DATABASE_URL=postgres://nat:%s@postgres:5432/nat\n' "$(cat database-password)" > database.env
mkdir -p no-data
# Processes run as another user than the one who makes these.
chmod 755 no-data
chmod 644 ca.crt tls.crt tls.key tokens token database-password
echo "made in $(pwd): ca.crt, tls.crt, tls.key, tokens, token, database-password"
