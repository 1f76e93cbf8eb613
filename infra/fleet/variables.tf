variable "table_arn" {
  description = "ARN of the DynamoDB table: what infra/ prints as table_arn. The fleet is made in the table's region."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]{3,255}$", var.table_arn))
    error_message = "table_arn must be like arn:aws:dynamodb:eu-west-1:123456789012:table/products."
  }
}

variable "image" {
  description = "The image that infra/fleet/Dockerfile makes, best named by its digest: REGISTRY/NAME@sha256:…"
  type        = string
}

variable "scheduler_secret_arn" {
  description = "ARN of the Secrets Manager secret that holds scheduler.json of infra/fleet/certificates."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:secretsmanager:", var.scheduler_secret_arn))
    error_message = "scheduler_secret_arn must be the full ARN of a Secrets Manager secret."
  }
}

variable "worker_secret_arn" {
  description = "ARN of the Secrets Manager secret that holds worker.json of infra/fleet/certificates."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:secretsmanager:", var.worker_secret_arn))
    error_message = "worker_secret_arn must be the full ARN of a Secrets Manager secret."
  }
}

variable "vpc_id" {
  description = "The VPC; its DNS support and DNS host names must be on."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of that VPC, private ones by preference. One subnet keeps the workers close to each other."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids must name at least one subnet."
  }
}

variable "route_table_ids" {
  description = "Route tables of these subnets, for a gateway endpoint for DynamoDB, which is free. Empty if the VPC has one."
  type        = list(string)
  default     = []
}

variable "private_endpoints" {
  description = "Make interface endpoints for the image registry, the secrets and the logs, for subnets without a NAT gateway. They cost by the hour, and change the way of everybody in the VPC: see network.tf."
  type        = bool
  default     = false
}

variable "assign_public_ip" {
  description = "Give each task a public address, for subnets that have an internet gateway and no NAT. Nothing more can reach a task by it: the security group stays shut."
  type        = bool
  default     = false
}

variable "client_cidrs" {
  description = "Private IPv4 networks from which the scheduler's port 8786 can be reached. Nobody by default."
  type        = set(string)
  default     = []

  validation {
    condition = alltrue([for cidr in var.client_cidrs : anytrue([
      can(regex("^10\\.[0-9.]+/([89]|[12][0-9]|3[0-2])$", cidr)),
      can(regex("^172\\.(1[6-9]|2[0-9]|3[01])\\.[0-9.]+/(1[2-9]|2[0-9]|3[0-2])$", cidr)),
      can(regex("^192\\.168\\.[0-9.]+/(1[6-9]|2[0-9]|3[0-2])$", cidr)),
      can(regex("^[0-9.]+/32$", cidr)),
    ]) && can(cidrhost(cidr, 0))])
    error_message = "client_cidrs must be private networks (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16) or single addresses (/32): whoever reaches the scheduler with a certificate runs code in the fleet."
  }
}

variable "client_security_group_ids" {
  description = "Security groups whose members can reach the scheduler's port 8786. Nobody by default."
  type        = set(string)
  default     = []
}

variable "workers" {
  description = "Number of workers. 0 stops them all, and what they cost."
  type        = number
  default     = 2

  validation {
    condition     = var.workers >= 0 && floor(var.workers) == var.workers
    error_message = "workers must be a whole number of at least 0."
  }
}

variable "worker_cpu" {
  description = "CPU units of a worker; 1024 are one vCPU, and a worker uses one."
  type        = number
  default     = 1024
}

variable "worker_memory" {
  description = "Memory of a worker, MiB."
  type        = number
  default     = 2048
}

variable "scheduler_cpu" {
  description = "CPU units of the scheduler."
  type        = number
  default     = 1024
}

variable "scheduler_memory" {
  description = "Memory of the scheduler, MiB: the results of all workers pass through it."
  type        = number
  default     = 4096
}

variable "cpu_architecture" {
  description = "X86_64 or ARM64, as the image was built."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.cpu_architecture)
    error_message = "cpu_architecture must be X86_64 or ARM64."
  }
}

variable "name" {
  description = "Name of the fleet and of what belongs to it; NAME.internal is its DNS zone in the VPC."
  type        = string
  default     = "loadtest-fleet"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 32 small letters, digits or hyphens."
  }
}

variable "log_retention_days" {
  description = "How long the logs are kept."
  type        = number
  default     = 7
}

variable "tags" {
  description = "Further tags of everything that is made."
  type        = map(string)
  default     = {}
}
