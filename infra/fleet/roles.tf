module "policy" {
  source    = "../policy"
  table_arn = var.table_arn
}

data "aws_iam_policy_document" "ecs_tasks" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

# What the workers may do: run on this one table, and nothing else.
resource "aws_iam_role" "worker" {
  name_prefix        = "${var.name}-"
  description        = "Workers of the fleet ${var.name}"
  assume_role_policy = data.aws_iam_policy_document.ecs_tasks.json
}

resource "aws_iam_role_policy" "worker" {
  name   = "loadtest-run"
  role   = aws_iam_role.worker.id
  policy = module.policy.run
}

# What ECS may do to start a task: get the image and the secrets, write the logs. The containers do not have it.
resource "aws_iam_role" "execution" {
  name_prefix        = "${var.name}-"
  description        = "ECS starts tasks of the fleet ${var.name}"
  assume_role_policy = data.aws_iam_policy_document.ecs_tasks.json
}

locals {
  # null for an image that is not in ECR
  ecr = try(regex("^(?P<account>[0-9]{12})\\.dkr\\.ecr\\.(?P<region>[a-z0-9-]+)\\.amazonaws\\.[a-z.]+/(?P<name>[^:@]+)", var.image), null)
}

data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.scheduler_secret_arn, var.worker_secret_arn]
  }

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.fleet.arn}:*"]
  }

  dynamic "statement" {
    for_each = local.ecr[*]
    content {
      sid       = "Image"
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = ["arn:${local.partition}:ecr:${statement.value.region}:${statement.value.account}:repository/${statement.value.name}"]
    }
  }

  dynamic "statement" {
    for_each = local.ecr[*]
    content {
      sid       = "Registry"
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"] # this action has no resource
    }
  }
}

resource "aws_iam_role_policy" "execution" {
  name   = "start-tasks"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}
