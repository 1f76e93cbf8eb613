output "cluster_address" {
  description = "For --cluster; the name resolves inside the VPC."
  value       = local.address
}

output "security_group_id" {
  description = "The fleet's security group."
  value       = aws_security_group.fleet.id
}

output "task_role_arn" {
  description = "The workers' role, which has the table's policy."
  value       = aws_iam_role.worker.arn
}

output "log_group" {
  description = "Where scheduler and workers log."
  value       = aws_cloudwatch_log_group.fleet.name
}

output "scale_command" {
  description = "Sets the number of workers until the next apply: put a number at its end."
  value       = "aws ecs update-service --region ${local.region} --cluster ${var.name} --service worker --desired-count"
}
