locals {
  arn       = split(":", var.table_arn) # arn, partition, dynamodb, region, account, table/NAME
  partition = local.arn[1]
  region    = local.arn[3]
  tags      = merge(var.tags, { fleet = var.name })

  ports   = { scheduler = 8786, worker = 8788 } # the entrypoint's; 8787 would be the dashboard, which is off
  zone    = "${var.name}.internal"
  address = "tls://scheduler.${local.zone}:${local.ports.scheduler}"

  # The image's entrypoint has the same; an image of your own may have another one.
  environment = {
    AWS_REGION                                    = local.region
    DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION    = "True"
    DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES = "0"  # a shard that ran twice would place its orders twice
    DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL       = "5s" # a worker that is frozen or cut off counts as lost
  }

  # Where the two roles differ.
  roles = {
    scheduler = {
      tasks      = 1
      cpu        = var.scheduler_cpu
      memory     = var.scheduler_memory
      task_role  = null # the scheduler asks AWS for nothing
      secret     = var.scheduler_secret_arn
      registries = [aws_service_discovery_service.scheduler.arn]
      container = {
        command = ["scheduler"]
        healthCheck = {
          command     = ["CMD", "python", "-Ic", "import urllib.request as u; u.urlopen('http://127.0.0.1:8787/health', timeout=4)"]
          interval    = 15
          timeout     = 5
          retries     = 3
          startPeriod = 30
        }
      }
    }

    worker = {
      tasks      = var.workers
      cpu        = var.worker_cpu
      memory     = var.worker_memory
      task_role  = aws_iam_role.worker.arn
      secret     = var.worker_secret_arn
      registries = [] # the scheduler knows where its workers are
      # No health check: it would take CPU time from what is measured, and the scheduler knows who is alive.
      container = { command = ["worker", local.address] }
    }
  }

  containers = { for role, own in local.roles : role => merge(own.container, {
    name                   = role
    image                  = var.image
    essential              = true
    stopTimeout            = 10 # a worker that is told to stop while its scheduler stops may not end by itself
    readonlyRootFilesystem = true
    user                   = "10001:10001"
    environment            = [for name, value in local.environment : { name = name, value = value }]
    portMappings           = [{ containerPort = local.ports[role], hostPort = local.ports[role], protocol = "tcp" }]
    mountPoints            = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]
    ulimits                = [{ name = "nofile", softLimit = 65535, hardLimit = 65535 }] # each connection is an open file
    linuxParameters        = { capabilities = { add = [], drop = ["ALL"] } }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.fleet.name
        awslogs-region        = local.region
        awslogs-stream-prefix = "fleet"
      }
    }
    # The entrypoint writes them to files and takes them out of the environment. ARN:KEY:: is a key in the secret's JSON.
    secrets = [
      { name = "TLS_CA", valueFrom = "${own.secret}:ca::" },
      { name = "TLS_CERTIFICATE", valueFrom = "${own.secret}:certificate::" },
      { name = "TLS_KEY", valueFrom = "${own.secret}:key::" },
    ]
  }) }
}

resource "aws_cloudwatch_log_group" "fleet" {
  name              = "/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_ecs_cluster" "fleet" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "disabled" # it costs, and the run's own report says more
  }
}

resource "aws_ecs_task_definition" "fleet" {
  for_each = local.roles

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = each.value.task_role
  container_definitions    = jsonencode([local.containers[each.key]])

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }

  volume {
    name = "tmp" # on the task's own encrypted storage; Fargate has no tmpfs
  }
}

resource "aws_ecs_service" "fleet" {
  for_each = local.roles

  name                               = each.key
  cluster                            = aws_ecs_cluster.fleet.id
  task_definition                    = aws_ecs_task_definition.fleet[each.key].arn
  launch_type                        = "FARGATE"
  desired_count                      = each.value.tasks
  deployment_minimum_healthy_percent = 0 # never two schedulers at once: half the workers would go to each
  deployment_maximum_percent         = 100
  propagate_tags                     = "SERVICE"

  deployment_circuit_breaker {
    enable   = true # tasks that cannot start are paid for a minute each: give up
    rollback = false
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [aws_security_group.fleet.id]
    assign_public_ip = var.assign_public_ip
  }

  dynamic "service_registries" {
    for_each = each.value.registries
    content {
      registry_arn = service_registries.value
    }
  }

  # The first tasks need them to start and to work.
  depends_on = [
    aws_iam_role_policy.execution,
    aws_iam_role_policy.worker,
    aws_vpc_endpoint.gateway,
    aws_vpc_endpoint.interface,
    aws_vpc_security_group_egress_rule.fleet,
    aws_vpc_security_group_egress_rule.https,
    aws_vpc_security_group_ingress_rule.endpoints,
    aws_vpc_security_group_ingress_rule.fleet,
  ]
}
