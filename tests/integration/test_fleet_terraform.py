"""The fleet's Terraform module: what it plans offline, and what it makes and takes away on a server that plays AWS."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.integration.terraform import RUN_ACTIONS, granted, initialise, planned, run, terraform

pytestmark = pytest.mark.slow  # Terraform takes half a minute to apply and destroy a fleet

TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/products"
SECRETS = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:loadtest/"
SETTINGS: dict[str, Any] = {
    "table_arn": TABLE,
    "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/loadtest-fleet@sha256:" + "0" * 64,
    "scheduler_secret_arn": f"{SECRETS}scheduler-abcdef",
    "worker_secret_arn": f"{SECRETS}worker-abcdef",
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1"],
}
# The provider's own settings for plans that ask nobody.
OFFLINE = """
provider "aws" {
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
"""


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return initialise(tmp_path_factory.mktemp("infra"))


@pytest.fixture
def module(initialised: Path, tmp_path: Path) -> Path:
    """A copy of infra/fleet of the test's own, with a state of its own."""
    return shutil.copytree(initialised, tmp_path / "infra", symlinks=True) / "fleet"


@pytest.fixture
def plan(module: Path) -> Callable[..., list[dict[str, Any]]]:
    """What is planned offline with these settings more."""

    def resources(**settings: Any) -> list[dict[str, Any]]:
        (module / "offline_override.tf").write_text(OFFLINE)
        (module / "terraform.tfvars.json").write_text(json.dumps(SETTINGS | settings))
        return planned(module)

    return resources


def of_type(resources: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """Their values by name; of several with one name by name and key."""
    return {
        f"{resource['name']}.{resource['index']}" if "index" in resource else resource["name"]: resource["values"]
        for resource in resources
        if resource["type"] == kind
    }


def of_roles(resources: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """The values of what there is one of for each role, by role."""
    return {name.removeprefix("fleet."): values for name, values in of_type(resources, kind).items()}


def containers(resources: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    tasks = of_roles(resources, "aws_ecs_task_definition")
    return {role: json.loads(task["container_definitions"])[0] for role, task in tasks.items()}


def test_nothing_from_outside_reaches_the_fleet(plan: Callable[..., list[dict[str, Any]]]) -> None:
    resources = plan()
    rules = of_type(resources, "aws_vpc_security_group_ingress_rule")
    assert {(name, rule["from_port"], rule["to_port"], rule.get("cidr_ipv4")) for name, rule in rules.items()} == {
        ("fleet.scheduler", 8786, 8786, None),
        ("fleet.worker", 8788, 8788, None),
    }
    assert not any(group.get("ingress") for group in of_type(resources, "aws_security_group").values())
    assert not of_type(resources, "aws_vpc_endpoint")
    services = of_roles(resources, "aws_ecs_service")
    assert {role: service["desired_count"] for role, service in services.items()} == {"scheduler": 1, "worker": 2}
    for service in services.values():
        assert service["network_configuration"][0]["assign_public_ip"] is False
        assert service["deployment_maximum_percent"] == 100  # never a second scheduler beside the first


def test_containers_have_the_settings_that_runs_need(plan: Callable[..., list[dict[str, Any]]]) -> None:
    resources = plan(workers=40, worker_cpu=2048)
    assert of_roles(resources, "aws_ecs_service")["worker"]["desired_count"] == 40
    tasks = of_roles(resources, "aws_ecs_task_definition")
    assert {role: task["cpu"] for role, task in tasks.items()} == {"scheduler": "1024", "worker": "2048"}
    made = containers(resources)
    assert made["scheduler"]["command"] == ["scheduler"]
    assert made["worker"]["command"] == ["worker", "tls://scheduler.loadtest-fleet.internal:8786"]
    for role, container in made.items():
        assert {entry["name"]: entry["value"] for entry in container["environment"]} == {
            "AWS_REGION": "eu-west-1",
            "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True",
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
            "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s",
        }
        secret = SETTINGS[f"{role}_secret_arn"]
        assert {entry["name"]: entry["valueFrom"] for entry in container["secrets"]} == {
            "TLS_CA": f"{secret}:ca::",
            "TLS_CERTIFICATE": f"{secret}:certificate::",
            "TLS_KEY": f"{secret}:key::",
        }
        assert container["readonlyRootFilesystem"] is True
        assert container["user"] == "10001:10001"
        assert container["linuxParameters"]["capabilities"]["drop"] == ["ALL"]
        assert container["ulimits"] == [{"name": "nofile", "softLimit": 65535, "hardLimit": 65535}]
        assert tasks[role]["network_mode"] == "awsvpc"


def test_workers_may_do_what_a_run_does_on_this_table_alone(plan: Callable[..., list[dict[str, Any]]]) -> None:
    resources = plan()
    policy = of_type(resources, "aws_iam_role_policy")["worker"]["policy"]
    assert granted(policy) == ({f"dynamodb:{action}" for action in RUN_ACTIONS}, {TABLE})
    scheduler = of_roles(resources, "aws_ecs_task_definition")["scheduler"]
    assert scheduler["task_role_arn"] is None  # it needs no right at all


def test_named_clients_reach_the_scheduler_and_endpoints_are_made_on_demand(
    plan: Callable[..., list[dict[str, Any]]],
) -> None:
    resources = plan(
        client_cidrs=["10.9.0.0/24"],
        client_security_group_ids=["sg-1"],
        route_table_ids=["rtb-1"],
        private_endpoints=True,
    )
    rules = of_type(resources, "aws_vpc_security_group_ingress_rule")
    for name in ("client_cidr.10.9.0.0/24", "client_group.sg-1"):
        assert (rules[name]["from_port"], rules[name]["to_port"]) == (8786, 8786)
    assert {rule["cidr_ipv4"] for rule in rules.values() if rule.get("cidr_ipv4")} == {"10.9.0.0/24"}
    endpoints = of_type(resources, "aws_vpc_endpoint")
    assert {endpoint["service_name"].removeprefix("com.amazonaws.eu-west-1.") for endpoint in endpoints.values()} == {
        "dynamodb",
        "s3",
        "ecr.api",
        "ecr.dkr",
        "logs",
        "secretsmanager",
    }
    described = [rule["description"] for rule in rules.values()]
    described += [rule["description"] for rule in of_type(resources, "aws_vpc_security_group_egress_rule").values()]
    described += [group["description"] for group in of_type(resources, "aws_security_group").values()]
    for text in described:
        assert re.fullmatch(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}", text)  # EC2 refuses other characters


@pytest.mark.parametrize("world", ["0.0.0.0/0", "10.0.0.0/7", "203.0.113.0/24"])
def test_networks_of_strangers_are_refused(world: str, module: Path) -> None:
    (module / "offline_override.tf").write_text(OFFLINE)
    (module / "terraform.tfvars.json").write_text(json.dumps(SETTINGS | {"client_cidrs": ["10.1.0.0/16", world]}))
    done = run("terraform", "plan", "-input=false", "-no-color", cwd=module)
    assert done.returncode == 1
    assert "client_cidrs must be private networks" in done.stderr


def test_a_fleet_is_made_and_destroyed(module: Path, server_urls: Callable[[str], str]) -> None:
    url = server_urls("moto_server")
    keys = {"aws_access_key_id": "loadtest", "aws_secret_access_key": "loadtest"}

    def aws(service: str) -> Any:
        return boto3.client(service, endpoint_url=url, region_name="eu-west-1", **keys)

    vpc = aws("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    settings = SETTINGS | {
        "vpc_id": vpc,
        "subnet_ids": [aws("ec2").create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]],
        "route_table_ids": [aws("ec2").create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]],
        "client_cidrs": ["10.9.0.0/24"],
        "workers": 3,
    }
    (module / "terraform.tfvars.json").write_text(json.dumps(settings))
    terraform(module, "apply", "-auto-approve", "-input=false", AWS_ENDPOINT_URL=url)

    outputs = {
        name: output["value"]
        for name, output in json.loads(terraform(module, "output", "-json", AWS_ENDPOINT_URL=url)).items()
    }
    assert outputs["cluster_address"] == "tls://scheduler.loadtest-fleet.internal:8786"
    ecs = aws("ecs")
    services = ecs.describe_services(cluster="loadtest-fleet", services=["scheduler", "worker"])["services"]
    assert {service["serviceName"]: service["desiredCount"] for service in services} == {"scheduler": 1, "worker": 3}
    group = aws("ec2").describe_security_groups(GroupIds=[outputs["security_group_id"]])["SecurityGroups"][0]
    opened = {(rule["FromPort"], source["CidrIp"]) for rule in group["IpPermissions"] for source in rule["IpRanges"]}
    assert opened == {(8786, "10.9.0.0/24")}
    role = outputs["task_role_arn"].rpartition("/")[2]
    policy = aws("iam").get_role_policy(RoleName=role, PolicyName="loadtest-run")["PolicyDocument"]
    assert granted(json.dumps(policy))[1] == {TABLE}
    task = ecs.describe_task_definition(taskDefinition="loadtest-fleet-worker")["taskDefinition"]
    execution = task["executionRoleArn"].rpartition("/")[2]
    started = aws("iam").get_role_policy(RoleName=execution, PolicyName="start-tasks")["PolicyDocument"]
    resources = granted(json.dumps(started))[1]
    assert {SETTINGS["scheduler_secret_arn"], SETTINGS["worker_secret_arn"]} <= resources
    assert "arn:aws:ecr:eu-west-1:123456789012:repository/loadtest-fleet" in resources

    terraform(module, "destroy", "-auto-approve", "-input=false", AWS_ENDPOINT_URL=url)
    services = ecs.describe_services(cluster="loadtest-fleet", services=["scheduler", "worker"])["services"]
    assert {service["status"] for service in services} <= {"INACTIVE"}
    left = aws("ec2").describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    assert [group["GroupName"] for group in left] == ["default"]
