import ast

import pytest

from tests.benchmarks.serving.contenders import OWN, PEERS, SERVERS, choose_peers


def test_every_peer_is_pinned() -> None:
    assert all("==" in requirement for peer in PEERS for requirement in peer.requirements)


def test_every_server_says_what_it_is() -> None:
    for contender in (*OWN, *PEERS):
        assert ast.get_docstring(ast.parse((SERVERS / f"{contender.file}.py").read_text())), contender.name


def test_faces_have_names_of_their_own() -> None:
    names = [name for contender in (*OWN, *PEERS) for name in contender.faces]
    assert len(names) == len(set(names))


def test_peers_are_chosen_by_name() -> None:
    assert [peer.name for peer in choose_peers(["bentoml", "Ray Serve"])] == ["BentoML", "Ray Serve"]
    with pytest.raises(ValueError, match="no peer is called 'flask'"):
        choose_peers(["flask"])
