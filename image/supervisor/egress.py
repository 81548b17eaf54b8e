"""What programs must be told to reach the world: the proxy at the loopback port, and where installs go.

Who may be reached is decided by the server for every connection. Nothing here is a wall: a program that
ignores these variables has no network at all.
"""

import os
import sys

# Where distributions keep the certificates they trust.
_SYSTEM_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
# System certificates and those of the server together; outside of the workspace, which outlives the sandbox.
_BUNDLE = "/tmp/.caisson-ca.pem"
# Every client of TLS has a variable of its own for it.
_BUNDLE_VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "npm_config_cafile",
    "AWS_CA_BUNDLE",
    "CARGO_HTTP_CAINFO",
    "DENO_CERT",
)


def environment(port, workspace, path, authorities):
    """The variables of commands; `authorities` are certificates in PEM that are trusted beside the system's."""
    proxy = f"http://127.0.0.1:{port}"
    here = "127.0.0.1,localhost,::1"  # Servers that programs run inside.
    local = f"{workspace}/.local"
    variables = {
        "http_proxy": proxy,
        "https_proxy": proxy,
        "HTTP_PROXY": proxy,
        "HTTPS_PROXY": proxy,
        "ALL_PROXY": proxy,
        "all_proxy": proxy,
        "no_proxy": here,
        "NO_PROXY": here,
        "NODE_USE_ENV_PROXY": "1",
        # The system's Python is read-only, so pip installs for the user: into the workspace, where it lasts.
        "PYTHONUSERBASE": local,
        "PIP_BREAK_SYSTEM_PACKAGES": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "npm_config_prefix": local,
        "npm_config_update_notifier": "false",
        "PATH": f"{local}/bin:{path}",
    }
    preload = os.path.join(os.path.dirname(os.path.abspath(__file__)), "proxy.cjs")
    if os.path.exists(preload):
        variables["NODE_OPTIONS"] = f"--require={preload}"
    _make_site(local)
    if authorities:
        _write_bundle(authorities)
        variables.update(dict.fromkeys(_BUNDLE_VARIABLES, _BUNDLE))
    return variables


def _make_site(local):
    # Python passes over a directory of packages that is not there when it starts.
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    try:
        os.makedirs(f"{local}/lib/{version}/site-packages", exist_ok=True)
    except OSError:
        pass  # A workspace that is full, or closed, or has a file there: pip says so.


def _write_bundle(authorities):
    system = ""
    for path in _SYSTEM_BUNDLES:
        try:
            with open(path, encoding="ascii", errors="ignore") as file:
                system = file.read()
            break
        except OSError:
            continue
    with open(_BUNDLE, "w", encoding="ascii", errors="ignore") as file:
        file.write(f"{system}\n{authorities}\n")
