"""What docs/rest_api.md asks of AiiDA's REST API, about a small campaign."""

import io
import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from aiida import orm

PAGE = (Path(__file__).parents[2] / "docs" / "rest_api.md").read_text()
ROOT = "http://127.0.0.1:5000"


@pytest.fixture(scope="module")
def server(campaign, aiida_profile):
    """The address of AiiDA's server for the profile of the tests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    verdi = Path(sys.executable).with_name("verdi")
    command = [verdi, "-p", aiida_profile.name, "restapi", "--hostname", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for _ in range(300):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert process.poll() is None
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def ask(url, body=None):
    """The answer to a GET, or to a POST of JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} if body else {})
    with urllib.request.urlopen(request, timeout=900) as answer:
        return answer.read()


def path_with(fragment, **uuids):
    """The path of the page's URL that holds a fragment, its placeholders replaced."""
    (url,) = {found for found in re.findall(rf"{ROOT}(/api/[^\s\"]*)", PAGE) if fragment in found}
    for name, uuid in uuids.items():
        url = url.replace(name, uuid)
    return url


def test_campaigns_and_their_states(server, campaign):
    body = json.loads(re.search(r"-d '(\{.*?\n\})'", PAGE, re.S)[1])
    body["filters"]["campaign"]["attributes.process_label"] = "EtlModelWorkChain"
    found = json.loads(ask(f"{server}/api/v4/querybuilder", body))["data"]["campaign"]
    (mine,) = [each for each in found if each["uuid"] == campaign.model.creator.caller.uuid]
    assert mine["attributes.process_state"] == "finished"
    assert mine["attributes.exit_status"] == 0


def test_report_of_a_process(server, campaign):
    process = campaign.model.creator.caller
    answer = json.loads(ask(server + path_with("/report", PROCESS_UUID=process.uuid)))
    assert "logs" in answer["data"]


def test_data_of_a_sub_run(server, campaign):
    answer = json.loads(ask(server + path_with("attributes_filter", DBI_UUID=campaign.dbi.uuid)))
    structures = answer["data"]["attributes"]["structures"]
    assert structures == campaign.dbi.structures
    text = ask(server + path_with("download_format", STRUCTURE_UUID=structures[0]["structure_id"]))
    assert b"PRIMVEC" in text
    label = orm.load_node(structures[0]["label_id"])
    content = ask(server + path_with("icohp.npy", BONDS_UUID=label.uuid))
    np.testing.assert_array_equal(np.load(io.BytesIO(content), allow_pickle=False), label.get_array("icohp"))
