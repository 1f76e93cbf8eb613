locals {
  on_aws      = var.dynamodb_endpoint == null
  provisioned = var.billing_mode == "PROVISIONED"
  tags        = merge(var.tags, { loadtest = "allowed" })
}

# Credentials come from the environment or a profile, in every case.
provider "aws" {
  region = local.on_aws ? var.region : coalesce(var.region, "us-east-1")

  endpoints {
    dynamodb = var.dynamodb_endpoint
  }

  # Another server has no STS, no IAM and no instance metadata to ask.
  skip_credentials_validation = !local.on_aws
  skip_metadata_api_check     = !local.on_aws
  skip_region_validation      = !local.on_aws
  skip_requesting_account_id  = !local.on_aws
}

# The same table that `loadtest table create` makes.
resource "aws_dynamodb_table" "products" {
  name                        = var.table_name
  hash_key                    = "id"
  billing_mode                = var.billing_mode
  read_capacity               = local.provisioned ? var.read_capacity : null
  write_capacity              = local.provisioned ? var.write_capacity : null
  deletion_protection_enabled = var.deletion_protection
  tags                        = local.tags

  attribute {
    name = "id"
    type = "S"
  }

  ttl {
    attribute_name = "expires_at" # order records vanish by themselves
    enabled        = true
  }

  point_in_time_recovery {
    enabled = false
  }
}

module "policy" {
  source    = "./policy" # the fleet's workers have the same
  table_arn = aws_dynamodb_table.products.arn
}

data "aws_iam_policy_document" "manage" {
  statement {
    sid       = "Manage"
    resources = [aws_dynamodb_table.products.arn]
    actions = [
      "dynamodb:CreateTable",
      "dynamodb:DeleteTable",
      "dynamodb:DescribeTable",      # create waits until the table is active, delete looks at it first
      "dynamodb:ListTagsOfResource", # delete leaves an untagged table alone
      "dynamodb:TagResource",        # CreateTable with tags needs it
      "dynamodb:UpdateTimeToLive",
    ]
  }
}

resource "aws_iam_policy" "run" {
  count = var.create_policy ? 1 : 0

  name_prefix = "loadtest-run-"
  description = "Run loadtest on the DynamoDB table ${var.table_name}"
  policy      = module.policy.run
  tags        = local.tags

  lifecycle {
    precondition {
      condition     = local.on_aws
      error_message = "create_policy must stay false with dynamodb_endpoint: IAM is not there."
    }
  }
}
