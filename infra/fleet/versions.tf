terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.60, < 7"
    }
  }
}

# Credentials come from the environment or a profile.
provider "aws" {
  region = local.region

  default_tags {
    tags = local.tags
  }
}
