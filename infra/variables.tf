variable "table_name" {
  description = "Name of the DynamoDB table."
  type        = string
  default     = "products"

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.table_name))
    error_message = "table_name must be 3 to 255 letters, digits, underscores, dots or hyphens."
  }
}

variable "region" {
  description = "AWS region. Null takes it from the environment or profile (with dynamodb_endpoint: us-east-1, as loadtest does)."
  type        = string
  default     = null
}

variable "billing_mode" {
  description = "PAY_PER_REQUEST (on-demand) or PROVISIONED."
  type        = string
  default     = "PAY_PER_REQUEST"

  validation {
    condition     = contains(["PAY_PER_REQUEST", "PROVISIONED"], var.billing_mode)
    error_message = "billing_mode must be PAY_PER_REQUEST or PROVISIONED."
  }
}

variable "read_capacity" {
  description = "Read units a second; used only when billing_mode is PROVISIONED."
  type        = number
  default     = 5

  validation {
    condition     = var.read_capacity >= 1 && floor(var.read_capacity) == var.read_capacity
    error_message = "read_capacity must be a whole number of at least 1."
  }
}

variable "write_capacity" {
  description = "Write units a second; used only when billing_mode is PROVISIONED."
  type        = number
  default     = 5

  validation {
    condition     = var.write_capacity >= 1 && floor(var.write_capacity) == var.write_capacity
    error_message = "write_capacity must be a whole number of at least 1."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the table until this is false again."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Further tags of the table and the policy. The tag loadtest=allowed is always there: without it loadtest leaves a table alone."
  type        = map(string)
  default     = {}
}

variable "create_policy" {
  description = "Make an IAM policy that allows to run loadtest on this table. Needs the right to make policies."
  type        = bool
  default     = false
}

variable "dynamodb_endpoint" {
  description = "URL of another server that speaks DynamoDB, for example http://127.0.0.1:8000. Null is AWS."
  type        = string
  default     = null

  validation {
    condition     = var.dynamodb_endpoint == null || can(regex("^https?://[^/]", var.dynamodb_endpoint))
    error_message = "dynamodb_endpoint must be a URL like http://127.0.0.1:8000."
  }
}
