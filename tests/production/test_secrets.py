"""Passwords and keys of the services stay out of everything that AiiDA stores, logs or sends to the cluster."""

from pathlib import Path

import psycopg
from aiida.engine import submit
from aiida.manage import get_manager


def test_no_secret_in_database_repository_logs_and_folders(daemon, stage, services, gate, ended, production):
    gate.open()
    node = submit(stage())
    ended(node)
    assert node.is_finished_ok, node.exit_message
    settings = services.settings
    key = (services.home / ".ssh/id_ed25519").read_text().splitlines()[1]
    secrets = (settings["password"], key)
    login = {"host": "127.0.0.1", "port": settings["ports"]["postgres"], "password": settings["password"]}
    with psycopg.connect(dbname="aiida", user="getl", **login) as connection:
        tables = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]

        def count(table, text):
            query = f'SELECT count(*) FROM "{table}" AS row WHERE row::text LIKE %s'
            return connection.execute(query, (f"%{text}%",)).fetchone()[0]

        assert count("db_dbnode", "getl.lammps") > 0  # it does look
        assert count("db_dbcomputer", settings["ssh_host"]) > 0
        assert not [table for table in tables for secret in secrets if count(table, secret)]
    repository = get_manager().get_profile_storage().get_repository()
    contents = [repository.get_object_content(key) for key in repository.list_objects()]
    assert any(b"pair_style" in content for content in contents)
    places = [services.folder / "work", services.folder / "slurm/state", Path(daemon.client.daemon_log_file).parent]
    contents += [path.read_bytes() for place in places for path in place.rglob("*") if path.is_file()]
    assert any(b"#SBATCH" in content for content in contents)
    assert not [secret for content in contents for secret in secrets if secret.encode() in content]
