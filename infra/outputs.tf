locals {
  # Taken from the ARN: the provider's data source for the region names its attribute differently in versions 5 and 6.
  region  = split(":", aws_dynamodb_table.products.arn)[3]
  target  = local.on_aws ? "--target aws" : "--endpoint-url ${var.dynamodb_endpoint}"
  options = "${local.target} --region ${local.region} --table ${aws_dynamodb_table.products.name}"
}

output "table_name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.products.name
}

output "table_arn" {
  description = "ARN of the table."
  value       = aws_dynamodb_table.products.arn
}

output "region" {
  description = "Region of the table."
  value       = local.region
}

output "populate_command" {
  description = "Writes the sample products; needed once, before the first race."
  value       = "loadtest populate ${local.options}"
}

output "race_command" {
  description = "Races 100 orders for the last samovar."
  value       = "loadtest race ${local.options}"
}

output "run_policy" {
  description = "JSON of the policy that allows to populate, describe and race, on this table only."
  value       = module.policy.run
}

output "manage_policy" {
  description = "JSON of the policy that allows `loadtest table create` and `loadtest table delete`, on this table only."
  value       = data.aws_iam_policy_document.manage.json
}

output "run_policy_arn" {
  description = "ARN of the IAM policy, if create_policy made one."
  value       = one(aws_iam_policy.run[*].arn)
}
