# What a run may do on one table: the policy of whoever runs loadtest, and of the fleet's workers.
variable "table_arn" {
  description = "ARN of the table."
  type        = string
}

data "aws_iam_policy_document" "run" {
  statement {
    sid       = "Run"
    resources = [var.table_arn]
    actions = [
      "dynamodb:BatchGetItem", # which products the tool did not make; the records of orders, after a transaction run
      "dynamodb:DeleteItem",   # what probe made; the records of orders for a product that the tool did not make
      "dynamodb:DescribeTable",
      "dynamodb:GetItem",
      "dynamodb:ListTagsOfResource",
      "dynamodb:PutItem",    # populate, and the order record of a transaction
      "dynamodb:UpdateItem", # TransactWriteItems has no action of its own: its parts need PutItem and UpdateItem
    ]
  }
}

output "run" {
  description = "JSON of the policy."
  value       = data.aws_iam_policy_document.run.json
}
