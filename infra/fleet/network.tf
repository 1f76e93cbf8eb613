# How workers and clients find the scheduler, and who reaches what.

resource "aws_service_discovery_private_dns_namespace" "fleet" {
  name        = local.zone
  description = "Names of the fleet ${var.name}"
  vpc         = var.vpc_id
}

resource "aws_service_discovery_service" "scheduler" {
  name = "scheduler"

  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.fleet.id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "A"
      ttl  = 10 # a scheduler that was replaced has another address
    }
  }
}

# Dask's scheduler runs the code of whoever reaches it with a certificate, so nothing from outside does by default.
resource "aws_security_group" "fleet" {
  name_prefix = "${var.name}-"
  description = "The fleet ${var.name}: itself and named clients, nobody else"
  vpc_id      = var.vpc_id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "fleet" {
  for_each = local.ports

  security_group_id            = aws_security_group.fleet.id
  description                  = "The fleet itself, to the ${each.key}"
  referenced_security_group_id = aws_security_group.fleet.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_ingress_rule" "client_cidr" {
  for_each = var.client_cidrs

  security_group_id = aws_security_group.fleet.id
  description       = "Clients of the scheduler"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = local.ports.scheduler
  to_port           = local.ports.scheduler
}

resource "aws_vpc_security_group_ingress_rule" "client_group" {
  for_each = var.client_security_group_ids

  security_group_id            = aws_security_group.fleet.id
  description                  = "Clients of the scheduler"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = local.ports.scheduler
  to_port                      = local.ports.scheduler
}

resource "aws_vpc_security_group_egress_rule" "fleet" {
  for_each = local.ports

  security_group_id            = aws_security_group.fleet.id
  description                  = "To the ${each.key} of the fleet"
  referenced_security_group_id = aws_security_group.fleet.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

# DynamoDB, the image registry, the secrets and the logs: HTTPS to addresses that change.
resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.fleet.id
  description       = "HTTPS to AWS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# Without it the orders go through the NAT gateway, which charges for each GB and limits connections to one address.
# DynamoDB's is free; the layers of images come from S3, whose is free as well.
resource "aws_vpc_endpoint" "gateway" {
  for_each = toset(length(var.route_table_ids) == 0 ? [] : var.private_endpoints ? ["dynamodb", "s3"] : ["dynamodb"])

  vpc_id            = var.vpc_id
  service_name      = "com.amazonaws.${local.region}.${each.key}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = var.route_table_ids
}

# In place of a NAT gateway. Four endpoints cost about 0.01 dollars an hour each in every subnet (us-east-1), so 0.04
# in one subnet and 0.12 in three, where a NAT gateway costs 0.045, each with 0.01 to 0.045 a GB:
# docs/how-to/run-a-cluster-on-aws.md.
# Their private DNS names hold for the whole VPC, and only the fleet passes: in a VPC that others use, let them make
# the endpoints, or use their NAT gateway.
resource "aws_vpc_endpoint" "interface" {
  for_each = toset(var.private_endpoints ? ["ecr.api", "ecr.dkr", "logs", "secretsmanager"] : [])

  vpc_id              = var.vpc_id
  service_name        = "com.amazonaws.${local.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = var.subnet_ids
  security_group_ids  = [aws_security_group.endpoints[0].id]
  private_dns_enabled = true
}

resource "aws_security_group" "endpoints" {
  count = var.private_endpoints ? 1 : 0

  name_prefix = "${var.name}-endpoints-"
  description = "Endpoints of the fleet ${var.name}"
  vpc_id      = var.vpc_id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  count = var.private_endpoints ? 1 : 0

  security_group_id            = aws_security_group.endpoints[0].id
  description                  = "The fleet"
  referenced_security_group_id = aws_security_group.fleet.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}
